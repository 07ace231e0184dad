"""`Grounding-v0`: pointing at what is described."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.gui.grounding.cursor import drawn
from agentrl.envs.gui.grounding.pages import SIZE, Target, page
from agentrl.envs.gui.grounding.reward import Box, Point, faults, position
from agentrl.envs.gui.grounding.scenes import Scene, scene
from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.web.browser.grammar import Call, parse
from agentrl.errors import ActionError, ConfigError, UnknownNameError
from agentrl.types import Outcome

SIZES = {"train": 100_000, "valid": 500, "test": 500}
"""Tasks of each split."""
_FIRST = {"train": 1_000_000, "valid": 1_000, "test": 0}
_WIDTH, _HEIGHT = SIZE
MANUAL = f"""Bring the cursor to what is described, then stop. The screen has {_WIDTH} x {_HEIGHT} pixels, (0, 0) is \
its top left. One action a turn:
move_to(x, y)
move(dx, dy)
stop()
"""


def move_to(state: Pointing, x: float, y: float) -> Point:
    return _on_screen(x, y)


def move(state: Pointing, dx: float, dy: float) -> Point:
    x, y = state.trail[-1]
    return _on_screen(x + dx, y + dy)


def stop(state: Pointing) -> None:
    return None


ACTIONS = {action.__name__: action for action in (move_to, move, stop)}


@dataclass(frozen=True, slots=True)
class Pointing:
    """State of an episode."""

    seed: int
    """Of the page."""
    scene: Scene
    target: Box
    trail: tuple[Point, ...] = (Point(_WIDTH // 2, _HEIGHT // 2),)
    """Where the cursor has been; it is at the last."""
    well_formed: bool = True
    """Whether all actions so far were."""


class GroundingEnv(TextEnv):
    """Point at what is described on a screen: move a cursor, see where it is, and stop there.

    Screens are generated pages, rendered once in Chromium; no browser takes part in the steps. A cursor that stands in
    the box of the described element when it stops is success. The last move that is allowed stops too.

    Args:
        split: `train`, `valid` or `test`; they have different seeds.
        screenshots: whether `info["images"]` has the screen with the cursor.
        tree: whether the text tells what is where, as an accessibility tree, and what the cursor is over; without it,
            only the pictures do.
        moves: that an episode may have, GUI-Cursor's 4 by default.
        render_mode: `ansi` or None.

    Reward channels: `outcome`, 1 for success. The others are the parts of GUI-Cursor's reward, see `reward.py`:
    `position` in [0, 2] and `format`, 1 if all actions were well formed, at the end; `false_stop`, `false_move`,
    `false_direction` and `repeated`, -1 for each fault.
    """

    family = "gui"
    splits: tuple[str, ...] = tuple(SIZES)
    channels: tuple[str, ...] = (
        "outcome",
        "position",
        "format",
        "false_stop",
        "false_move",
        "false_direction",
        "repeated",
    )
    blocking = True
    pictured: ClassVar[Mapping[str, Any]] = {"screenshots": True}

    def __init__(
        self,
        *,
        split: str | None = None,
        screenshots: bool = False,
        tree: bool = True,
        moves: int = 4,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        if not tree and not screenshots:
            raise ConfigError("tree=False leaves nothing to be seen: ask for screenshots=True too")
        if moves < 1:
            raise ConfigError(f"moves={moves}: at least 1")
        self.screenshots, self.tree, self.moves = screenshots, tree, moves
        self.state: Pointing | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        if (split := split or self.split) not in SIZES:
            raise UnknownNameError("split", split, SIZES)
        return LazyIds(range(SIZES[split]), lambda i: f"{split}/{i}")

    def kind(self, task_id: str) -> str:
        return _chosen(_seed(task_id))[1].kind

    def begin(self, task_id: str) -> Result:
        seed = _seed(task_id)
        number, target = _chosen(seed)
        seen = scene(seed, pictured=self.screenshots)
        self.state = Pointing(seed, seen, list(seen.boxes.values())[number])
        parts = [MANUAL, f"Point at: {target.description}", *([seen.tree] if self.tree else []), self._cursor()]
        return Result("\n".join(parts), images=self._images())

    def act(self, action: str) -> Result:
        assert self.state is not None
        state = self.state
        try:
            call: Call = parse(action, ACTIONS)
        except ActionError as error:
            self.state = replace(state, well_formed=False)
            return self._seen({}, Outcome.invalid_action(str(error)), f"Error: {error}\n")
        point = ACTIONS[call.name](state, **call.arguments)
        rewards: dict[str, float] = {}
        if point is not None:
            rewards = faults(state.target, state.trail, point)
            self.state = state = replace(state, trail=(*state.trail, point))
            if len(state.trail) <= self.moves:
                return self._seen(rewards, Outcome.running())
        here = state.trail[-1]
        found = state.target.holds(here)
        rewards |= {
            "outcome": float(found),
            "position": position(state.target, here, math.hypot(*SIZE)),
            "format": float(state.well_formed),
        }
        if point is None and not found:
            rewards["false_stop"] = -1.0
        return self._seen(rewards, Outcome.terminated(success=found))

    def oracle(self) -> Iterator[str]:
        if self.state is not None:
            if not self.state.target.holds(self.state.trail[-1]):
                x, y = self.state.target.centre
                yield f"move_to({x:g}, {y:g})"
            if self.state is not None and len(self.state.trail) <= self.moves:
                yield "stop()"

    def screenshot(self) -> bytes:
        """The screen with the cursor, as PNG.

        Raises:
            MissingExtraError: Pillow is not installed.
            BrowserError: the browser failed.
        """
        assert self.state is not None
        return drawn(scene(self.state.seed, pictured=True).picture, self.state.trail[-1])

    def copy_state(self, state: Pointing | None) -> Pointing | None:
        return state  # which does not change

    def _seen(self, rewards: Mapping[str, float], outcome: Outcome, error: str = "") -> Result:
        return Result(error + self._cursor(), rewards, outcome, images=self._images())

    def _cursor(self) -> str:
        assert self.state is not None
        here = self.state.trail[-1]
        over = f", over {self.state.scene.under(here) or 'nothing'}" if self.tree else ""
        return f"Cursor: ({here.x:g}, {here.y:g}){over}"

    def _images(self) -> tuple[bytes, ...]:
        return (self.screenshot(),) if self.screenshots else ()


def _on_screen(x: float, y: float) -> Point:
    """The nearest place on the screen."""
    return Point(min(max(x, 0), _WIDTH - 1), min(max(y, 0), _HEIGHT - 1))


def _chosen(seed: int) -> tuple[int, Target]:
    """What a task is after, and its number among the targets of the page."""
    return random.Random(f"grounding target {seed}").choice(list(enumerate(page(seed)[1])))


def _seed(task_id: str) -> int:
    """
    Raises:
        UnknownNameError: there is no such task.
    """
    split, _, number = task_id.partition("/")
    known = split in SIZES and number.isascii() and number.isdecimal() and len(number) <= 6
    if not known or int(number) >= SIZES[split] or str(int(number)) != number:
        raise UnknownNameError("task", task_id, [f"{name}/0" for name in SIZES])
    return _FIRST[split] + int(number)
