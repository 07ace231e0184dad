"""`Grounding-v0`: pointing at what is described."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, get_args

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.gui.grounding.cursor import drawn
from agentrl.envs.gui.grounding.reward import Box, Point, faults, position
from agentrl.envs.gui.grounding.scenes import Scene, Task
from agentrl.envs.gui.grounding.tasks import SIZES, Screen, make_task, task_ids
from agentrl.envs.web.browser.grammar import Call, parse
from agentrl.errors import ActionError, ConfigError, UnknownNameError
from agentrl.types import Outcome

MANUAL = """Bring the cursor to what is described, then stop. The screen has {} x {} pixels, (0, 0) is its top left. \
One action a turn:
move_to(x, y)
move(dx, dy)
stop()
"""


def move_to(state: Pointing, x: float, y: float) -> Point:
    return _on_screen(state.scene, x, y)


def move(state: Pointing, dx: float, dy: float) -> Point:
    x, y = state.trail[-1]
    return _on_screen(state.scene, x + dx, y + dy)


def stop(state: Pointing) -> None:
    return None


ACTIONS = {action.__name__: action for action in (move_to, move, stop)}


@dataclass(frozen=True, slots=True)
class Pointing:
    """State of an episode."""

    task: Task
    scene: Scene
    target: Box
    trail: tuple[Point, ...]
    """Where the cursor has been; it is at the last."""
    well_formed: bool = True
    """Whether all actions so far were."""


class GroundingEnv(TextEnv):
    """Point at what is described on a screen: move a cursor, see where it is, and stop there.

    Screens are generated pages, or desktops with real programs, made once; neither browser nor desktop takes part in
    the steps. A cursor that stands in the box of the described element when it stops is success. The last move that is
    allowed stops too.

    Args:
        screen: what the tasks are on: `page`, of 800 x 600 pixels and shown in Chromium; `desktop`, of 1280 x 800 and
            in a sandbox, as in Desktop-v0; or `both`, in turns.
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
        screen: Screen = "page",
        split: str | None = None,
        screenshots: bool = False,
        tree: bool = True,
        moves: int = 4,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        if screen not in get_args(Screen):
            raise UnknownNameError("screen", screen, get_args(Screen))
        if not tree and not screenshots:
            raise ConfigError("tree=False leaves nothing to be seen: ask for screenshots=True too")
        if moves < 1:
            raise ConfigError(f"moves={moves}: at least 1")
        self.screen, self.screenshots, self.tree, self.moves = screen, screenshots, tree, moves
        self.state: Pointing | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return task_ids(split or self.split, self.screen)

    def kind(self, task_id: str) -> str:
        return make_task(task_id).kind

    def begin(self, task_id: str) -> Result:
        task = make_task(task_id)
        scene = task.scene(pictured=self.screenshots)
        target, (width, height) = task.target(scene), scene.size
        self.state = Pointing(task, scene, target.box, (Point(width // 2, height // 2),))
        told = [MANUAL.format(width, height), f"Point at: {target.description}", *([scene.tree] if self.tree else [])]
        return Result("\n".join([*told, self._cursor()]), images=self._images())

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
            "position": position(state.target, here, math.hypot(*state.scene.size)),
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
            InfraError: the scene had no picture yet, and browser or desktop failed.
        """
        assert self.state is not None
        picture = self.state.scene.picture or self.state.task.scene(pictured=True).picture
        return drawn(picture, self.state.trail[-1])

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


def _on_screen(scene: Scene, x: float, y: float) -> Point:
    """The nearest place on the screen."""
    width, height = scene.size
    return Point(min(max(x, 0), width - 1), min(max(y, 0), height - 1))
