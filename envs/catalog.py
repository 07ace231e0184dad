"""What `agentrl envs list` shows: every environment that comes with agentrl, and whether it can be used here."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium as gym

from agentrl.errors import MissingExtraError
from agentrl.registry import ENVIRONMENTS

_MODULES = {
    "text": ("textworld", "alfworld"),
    "search": ("bm25s",),
    "shop": ("bm25s", "rapidfuzz"),
    "sandbox": ("docker",),
    "swe": ("libcst", "pytest", "unidiff"),
    "web": ("miniwob", "playwright"),
}
"""What each extra installs, as far as environments need it."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One environment."""

    env_id: str
    family: str
    summary: str
    splits: tuple[str, ...]
    """Empty where the extra is missing, for only the environment itself knows them."""
    extra: str
    """The optional dependency group it needs, "" for none."""
    installed: bool

    @property
    def needs(self) -> str:
        """What to do before the first use, "" for nothing."""
        return "" if self.installed else f"pip install 'agentrl[{self.extra}]'"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "splits": list(self.splits), "needs": self.needs}


def entries() -> list[CatalogEntry]:
    """All environments of agentrl, in the order of the registry."""
    found = []
    for entry in ENVIRONMENTS.values():
        installed = all(importlib.util.find_spec(module) for module in _MODULES.get(entry.extra, ()))
        splits: tuple[str, ...] = ()
        if installed:
            try:
                environment: Any = gym.envs.registration.load_env_creator(entry.entry_point)
                splits = tuple(environment.splits)
            except MissingExtraError:
                installed = False
        found.append(CatalogEntry(entry.env_id, entry.family, entry.summary, splits, entry.extra, installed))
    return found
