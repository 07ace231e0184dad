"""What a kind of request consists of, and what they share."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentrl.envs.text.travel.plans import Plan
from agentrl.envs.text.travel.request import TERMS, Request
from agentrl.envs.text.travel.world import World

Draft = tuple[Request, Plan]
"""A request and a plan that is meant to hold all its limits."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request."""

    draw: Callable[[World, random.Random], Draft | None]
    """A request for a world; None where this draw led nowhere."""
    plans: Callable[[World, Request, Plan], Iterator[Plan]]
    """All plans worth a look, given the one it was drawn with."""


def draw_wishes(rng: random.Random, form: str) -> tuple[str, ...]:
    """Two terms to wish for."""
    return tuple(rng.sample([term for term in TERMS[form] if term != "reasons"], 2))


def at_least(amount: float) -> int:
    """The next amount of money that is not below."""
    return 5 * math.ceil(amount / 5)
