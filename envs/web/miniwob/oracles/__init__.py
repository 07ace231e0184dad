"""Oracles: for each page a function that solves it by the actions that agents have, knowing what stands in its DOM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from agentrl.envs.web.miniwob.oracles.browsing import BROWSING
from agentrl.envs.web.miniwob.oracles.clicking import CLICKING
from agentrl.envs.web.miniwob.oracles.filling import FILLING
from agentrl.envs.web.miniwob.oracles.moving import MOVING
from agentrl.envs.web.miniwob.oracles.page import Page, Solver
from agentrl.errors import ConfigError

SOLVERS: dict[str, Solver] = dict(sorted({**BROWSING, **CLICKING, **FILLING, **MOVING}.items()))
"""By the name of the page."""


def solve(name: str, goal: str, evaluate: Callable[[str], Any]) -> Iterator[str]:
    """Actions that do the task of a page.

    Args:
        goal: what the task says.
        evaluate: runs JavaScript in the page as it is by then.

    Raises:
        ConfigError: there is no oracle for this page.
    """
    if name not in SOLVERS:
        raise ConfigError(
            f"{name} has no oracle; {len(SOLVERS)} pages have one: agentrl.envs.web.miniwob.oracles.SOLVERS"
        )
    return SOLVERS[name](Page(goal, evaluate))
