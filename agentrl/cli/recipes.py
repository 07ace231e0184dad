"""The configurations that come with agentrl."""

from __future__ import annotations

from pathlib import Path

from agentrl import trainers
from agentrl.errors import UnknownNameError

DEFAULT = "alfworld"
"""The main job."""


def recipe(name: str) -> Path:
    """The configuration file of a recipe.

    Raises:
        UnknownNameError: there is none of that name.
    """
    recipes = {path.stem: path for path in (Path(trainers.__file__).parent / "recipes").glob("*.toml")}
    if name not in recipes:
        raise UnknownNameError("recipe (a configuration file ends in .toml)", name, recipes)
    return recipes[name]
