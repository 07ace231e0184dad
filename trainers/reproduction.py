"""What a reproduction is: a TOML file in `reproductions/`.

paper, claim                 of the reproduction
recipe, metric, common, …    what all panels share; see `Panel`
[arms]                       name = [overrides]
[panels.NAME]                where arms of different tasks are compared, each among its own: what differs there
[tournaments]                arguments of `agentrl.agents.arena.fidelity.measure`, where that is measured, too
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentrl.config import Config
from agentrl.errors import UnknownNameError

FOLDER = Path(__file__).parent / "reproductions"
RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Arms that are compared with each other."""

    name: str = ""
    """"" where there is only one."""
    recipe: Path
    """The configuration that all arms share; the file has its name in `recipes/`."""
    metric: str
    """Of the test split, before and after RL; more is better."""
    common: tuple[str, ...] = ()
    """Overrides `key=value` of the recipe, for the warm start and all arms."""
    start: tuple[str, ...] = ()
    """Further ones for the warm start alone. Panels with the same recipe, `common` and `start` have one together."""
    also: tuple[str, ...] = ()
    """Further metrics, whose change is shown: of the test split, or of RL steps."""
    target: float | None = None
    """Value of the metric on the validation split, if it is of interest how many steps of RL it takes."""
    published: dict[str, str] = field(default_factory=dict)
    """Arm → what the paper has of it."""
    arms: dict[str, tuple[str, ...]]
    """Name → further overrides. One that demonstrates (`warm_start.demonstrations`) does so before its RL."""

    @property
    def title(self) -> str:
        """What stands before the names of its arms."""
        return f"{self.name}: " if self.name else ""

    def config(self, overrides: Iterable[str]) -> Config:
        """The recipe with these overrides."""
        return Config.load(self.recipe, overrides)

    def begins_like(self, other: Panel) -> bool:
        """Whether both have the same warm start."""
        return (self.recipe, self.common, self.start) == (other.recipe, other.common, other.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A claim, and what is compared to judge it."""

    name: str
    paper: str
    """arXiv id."""
    claim: str
    panels: tuple[Panel, ...]
    tournaments: dict[str, Any] = field(default_factory=dict)
    """Arguments of `agentrl.agents.arena.fidelity.measure`; nothing where topologies are not compared."""


def reproductions() -> list[str]:
    """Names of all reproductions."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Reproduction:
    """The reproduction of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in reproductions():
        raise UnknownNameError("reproduction", name, reproductions())
    shared = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    own = {key: shared.pop(key) for key in ("paper", "claim", "tournaments") if key in shared}
    panels = shared.pop("panels", {"": {}})
    return Reproduction(name=name, panels=tuple(_panel(title, shared | panels[title]) for title in panels), **own)


def _panel(name: str, data: dict[str, Any]) -> Panel:
    lists: dict[str, Any] = {key: tuple(data[key]) for key in ("common", "start", "also") if key in data}
    arms = {arm: tuple(overrides) for arm, overrides in data["arms"].items()}
    return Panel(**data | lists | {"name": name, "recipe": RECIPES / f"{data['recipe']}.toml", "arms": arms})
