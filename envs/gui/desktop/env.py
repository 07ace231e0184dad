"""`Desktop-v0`: things to be done with programs on a desktop."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.gui.desktop import osworld as osworld_files
from agentrl.envs.gui.desktop.actions import ELEMENT_HANDS, Action, Word, parse
from agentrl.envs.gui.desktop.desks import SIZE, desks, spec
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks import TEMPLATES, Task, make_task, task_ids
from agentrl.envs.gui.desktop.tasks.words import SIZES
from agentrl.envs.gui.desktop.view import View
from agentrl.errors import ActionError, ConfigError, DesktopError, InfraError, UnknownNameError
from agentrl.types import Outcome

ObservationType = Literal["elements", "xml", "none"]

MANUAL = """You use a computer: programs on a desktop, started by the bar at the bottom. One action a turn, of these:
pyautogui code, such as pyautogui.click(100, 200), pyautogui.write('text'), pyautogui.hotkey('ctrl', 's')
a dictionary, such as {"action_type": "CLICK", "parameters": {"x": 100, "y": 200}}
WAIT: let something happen. DONE: the task is done. FAIL: the task cannot be done.
"""
MANUAL_ELEMENTS = f"Elements have numbers, which these take: {', '.join(f'{name}(12)' for name in ELEMENT_HANDS)}.\n"
FINAL: tuple[Word, ...] = ("DONE", "FAIL")
"""What agents say at the end."""
_AGAIN = 4
"""Looks at a desktop that shall become what another one was."""


@dataclass
class Episode:
    """State of an episode: how it was reached, and where it is open, if it is."""

    task: Task
    actions: list[str] = field(default_factory=list)
    """Those that were carried out."""
    turns: int = 0
    view: View | None = None
    """After the last action."""
    desktop: Desktop | None = None


class DesktopEnv(TextEnv):
    """Use programs with mouse and keyboard: edit, compute, rename, look up, set.

    Each episode has a desktop of its own in a sandbox without a network, seen as the accessibility tree and, if wanted,
    as a picture, and used by the actions of OSWorld. An episode ends with DONE or FAIL, or at its time limit, and then
    files and settings are looked at. A fork repeats the actions on a desktop of its own, and compares what it shows.
    The same holds after the sandbox has failed, which raises an `InfraError` first.

    Args:
        split: `train`, `valid` or `test`; they have different seeds.
        template: name of a template of tasks, or several; default all.
        osworld: folder with task files of OSWorld, which then are the tasks, of every split. They have no oracle.
        observation_type: `elements`: those that can be used, numbered, with place, size and text; `xml`: the whole tree
            as OSWorld writes it; `none`: the task alone, for agents that see pictures.
        screenshots: whether `info["images"]` has a picture of the screen.
        manual: whether the first observation begins with the actions; leave it out for a policy that has learned them.
        width, height: of the screen, in pixels.
        render_mode: `ansi` or None.

    Reward channel: `outcome`, how much of the task is done, in [0, 1], on the last turn. As in OSWorld, what is done
    when the time is up counts too: an episode is then solved, or `truncated` with what it has.
    """

    family = "gui"
    splits: tuple[str, ...] = tuple(SIZES)
    channels: tuple[str, ...] = ("outcome",)
    blocking = True
    pictured: ClassVar[Mapping[str, Any]] = {"screenshots": True}

    def __init__(
        self,
        *,
        split: str | None = None,
        template: str | Sequence[str] | None = None,
        osworld: str | Path | None = None,
        observation_type: ObservationType = "elements",
        screenshots: bool = False,
        manual: bool = True,
        width: int = SIZE[0],
        height: int = SIZE[1],
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        self.templates = (
            (template,) if isinstance(template, str) else tuple(TEMPLATES if template is None else template)
        )
        for name in self.templates:
            if name not in TEMPLATES:
                raise UnknownNameError("template", name, TEMPLATES)
        if observation_type not in get_args(ObservationType):
            raise UnknownNameError("observation_type", observation_type, get_args(ObservationType))
        if observation_type == "none" and not screenshots:
            raise ConfigError("with observation_type='none' an agent sees nothing: ask for screenshots=True too")
        if not self.templates:
            raise ConfigError("template is empty: name some, such as rename_file")
        spec((width, height))
        if osworld and template is not None:
            raise ConfigError("the tasks are those of templates or those of OSWorld's files: leave one out")
        self.osworld = Path(osworld) if osworld else None
        self.observation_type, self.screenshots, self.manual = observation_type, screenshots, manual
        self.size = width, height
        self.state: Episode | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return osworld_files.ids(self.osworld) if self.osworld else task_ids(split or self.split, self.templates)

    def kind(self, task_id: str) -> str:
        return self._task(task_id).template

    def begin(self, task_id: str) -> Result:
        self.state = None
        episode = Episode(self._task(task_id))
        desks().call(self._open(episode))
        self.state = episode
        return self._result(episode, manual=self.manual)

    def act(self, action: str) -> Result:
        assert self.state is not None
        return self._result(self.state, *desks().call(self._act(self.state, action)))

    def oracle(self) -> Iterator[str]:
        """Acts as an agent would, but knows the task; to be asked for at the beginning of an episode."""
        assert self.state is not None
        steps = self.state.task.oracle(desks().call(self._live(self.state)))
        while (action := desks().call(_next(steps))) is not None:
            yield action

    def screenshot(self) -> bytes:
        """The screen as PNG.

        Raises:
            InfraError: the desktop failed.
        """
        assert self.state is not None
        return desks().call(self._screenshot(self.state))

    def copy_state(self, state: Episode | None) -> Episode | None:
        return state and replace(state, actions=[*state.actions], desktop=None)

    def close(self) -> None:
        self.state = None
        super().close()

    def _task(self, task_id: str) -> Task:
        if self.osworld is None:
            return make_task(task_id)
        if task_id not in (known := osworld_files.ids(self.osworld)):
            raise UnknownNameError("task", task_id, known)
        return osworld_files.load(self.osworld / f"{task_id}.json")

    def _result(
        self,
        episode: Episode,
        outcome: Outcome | None = None,
        rewards: dict[str, float] | None = None,
        problem: str = "",
        manual: bool = False,
    ) -> Result:
        view = episode.view
        assert view
        text = f"Task: {episode.task.instruction}\n"
        if self.observation_type == "elements":
            text += f"{view.heading()}\n{view.listing()}\n"
        elif self.observation_type == "xml":
            text += f"{view.heading()}\n{view.xml()}\n"
        if problem:
            text += f"The last action was not carried out: {problem}\n"
        if manual:
            text = f"{MANUAL}{MANUAL_ELEMENTS if self.observation_type == 'elements' else ''}\n{text}"
        images = (self.screenshot(),) if self.screenshots else ()
        return Result(text, rewards or {}, outcome or Outcome.running(), images=images)

    # -- in the loop of the desktops -----------------------------------------------------------------------------------

    async def _open(self, episode: Episode) -> Desktop:
        """Take a desktop, set up the task on it and repeat what has been done."""
        desktop = await desks().acquire(self.size)
        try:
            await episode.task.setup(desktop)
            await desktop.settle()
            expected, episode.view = episode.view, await View.of(desktop)
            for action in episode.actions:
                await self._carry_out(episode, desktop, self._parse(episode, action))
            for _ in range(_AGAIN):
                if expected is None or episode.view.digest == expected.digest:
                    break
                await desktop.wait()
                episode.view = await View.of(desktop)
            else:
                assert expected
                episode.view = expected
                raise DesktopError(f"the same {len(episode.actions)} actions brought {episode.task.task_id} elsewhere")
        except BaseException:
            await desktop.close()
            raise
        weakref.finalize(episode, lambda: desks().chore(desktop.close()))
        episode.desktop = desktop
        return desktop

    async def _live(self, episode: Episode) -> Desktop:
        return episode.desktop or await self._open(episode)

    async def _act(self, episode: Episode, action: str) -> tuple[Outcome, dict[str, float], str]:
        """Carry out an action: what becomes of the episode, its rewards, and why nothing was carried out, if so."""
        before, score = episode.view, None
        try:
            word, problem = await self._try(episode, action)
            if word in FINAL or episode.turns + 1 == self.turn_limit:
                score = await episode.task.evaluate(await self._live(episode), word or "")
        except InfraError:
            if episode.desktop:
                desks().chore(episode.desktop.close())
            episode.desktop, episode.view = None, before  # the next action, if there is one, is for another desktop
            raise
        episode.turns += 1
        if not problem:
            episode.actions.append(action)
        if score is None:
            return Outcome.invalid_action(problem) if problem else Outcome.running(), {}, problem
        ended = word in FINAL or score == 1.0
        outcome = Outcome.terminated(success=score == 1.0) if ended else Outcome.truncated("max_episode_steps")
        return outcome, {"outcome": score}, problem

    async def _try(self, episode: Episode, action: str) -> tuple[Word | None, str]:
        """Carry out an action, unless it is a last word: the word, if it is one, and why it was not carried out."""
        try:
            parsed = self._parse(episode, action)
            if parsed.word not in FINAL:
                await self._carry_out(episode, await self._live(episode), parsed)
        except ActionError as error:
            return None, str(error)
        return parsed.word, ""

    async def _carry_out(self, episode: Episode, desktop: Desktop, action: Action) -> None:
        if action.word == "WAIT":
            await desktop.wait()
        else:
            await desktop.perform(action.events)
            await desktop.settle()
        episode.view = await View.of(desktop)

    def _parse(self, episode: Episode, action: str) -> Action:
        view = episode.view
        assert view
        return parse(action, self.size, view.locate if self.observation_type == "elements" else None)

    async def _screenshot(self, episode: Episode) -> bytes:
        return await (await self._live(episode)).screenshot()


async def _next(steps: object) -> str | None:
    return await anext(steps, None)  # type: ignore[call-overload, no-any-return]
