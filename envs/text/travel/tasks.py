"""Named tasks: `train/day/17` is a world and a request, made from its id alone and proven to have a solution."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.text.travel.constraints import share
from agentrl.envs.text.travel.itinerary import arrange
from agentrl.envs.text.travel.kinds import KINDS
from agentrl.envs.text.travel.names import SPLITS
from agentrl.envs.text.travel.plans import Plan
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import World, generate
from agentrl.errors import UnknownNameError

SIZES = dict(zip(SPLITS, (2**20, 100, 200), strict=True))
"""Tasks per split and kind. No city, hotel or sight of one split occurs in another."""

_ID = re.compile(r"(\w+)/(\w+)/(0|[1-9]\d{0,6})", re.ASCII)
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class TravelTask:
    """One request in its world."""

    task_id: str
    world: World
    request: Request
    known: Plan
    """A plan that holds all limits: the proof that there is one."""


def task_ids(split: str, kinds: Sequence[str]) -> LazyIds:
    """The ids of a split, the kinds in turn."""
    return LazyIds(range(SIZES[split] * len(kinds)), partial(_name, split, tuple(kinds)))


def _name(split: str, kinds: Sequence[str], number: int) -> str:
    index, kind = divmod(number, len(kinds))
    return f"{split}/{kinds[kind]}/{index}"


def parse_id(task_id: str) -> tuple[str, str]:
    """Split and kind of a task.

    Raises:
        UnknownNameError: there is no such task.
    """
    match = _ID.fullmatch(task_id)
    if match and match[1] in SIZES and match[2] in KINDS and int(match[3]) < SIZES[match[1]]:
        return match[1], match[2]
    raise UnknownNameError("task", task_id, [f"{split}/{kind}/0" for split in SIZES for kind in KINDS])


@lru_cache(maxsize=512)
def load_task(task_id: str) -> TravelTask:
    """The task of an id.

    Raises:
        UnknownNameError: there is no such task.
    """
    split, kind = parse_id(task_id)
    rng = random.Random(f"agentrl travel {task_id}")
    world = generate(rng, split)
    for attempt in range(_ATTEMPTS):
        if attempt % 10 == 9:
            world = generate(rng, split)
        draft = KINDS[kind].draw(world, rng)
        if draft and share(arrange(world, *draft)) == 1:
            return TravelTask(task_id, world, *draft)
    raise RuntimeError(f"{task_id}: none of {_ATTEMPTS} drawn requests has a solution; the generator is wrong")
