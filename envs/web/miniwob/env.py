"""`MiniWoB-v0`: small web pages, each with a task."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.web.browser import Session, View, browsers
from agentrl.envs.web.browser.grammar import signature
from agentrl.envs.web.browser.hands import HANDS
from agentrl.envs.web.miniwob import pages
from agentrl.envs.web.miniwob.demonstrator import Dawdler
from agentrl.envs.web.miniwob.oracles import solve
from agentrl.envs.web.miniwob.tasks import SIZES, MiniWoBTask, parse_id, task_ids
from agentrl.errors import BrowserError, ConfigError, UnknownNameError
from agentrl.types import Outcome

MANUAL = f"""Do the task on the page. One action a turn; elements are named by the ids in brackets, texts are in quotes:
{chr(10).join(signature(name, hand) for name, hand in HANDS.items())}
"""


@dataclass
class Episode:
    """State of an episode: how it was reached, and where it is open, if it is."""

    task: MiniWoBTask
    actions: list[str] = field(default_factory=list)
    digest: str = ""
    """Of the page after the actions, where the state was copied."""
    goal: str = ""
    session: Session | None = None
    release: Callable[..., object] | None = None
    """Gives the session back, once."""

    def leave(self) -> None:
        """Let others use the session."""
        if self.release:
            self.release()
        self.session = self.release = None


class MiniWoBEnv(TextEnv):
    """Use a web page to do what it says: click, fill in, choose, drag, look up.

    Pages are real ones in Chromium, seen as accessibility trees and used by BrowserGym's actions. Their time goes on by
    half a second with every action, and stands still in between. A fork repeats the actions in a session of its own
    and compares a digest of the page.

    Args:
        split: `train`, `valid` or `test`; they have different seeds.
        task: name of a page, or several; default all that ship in the wheel `miniwob`.
        boxes: whether the observation tells place and size of every element.
        screenshots: whether `info["images"]` has a picture of the page, beside the text.
        marks: whether the pictures have a frame and the id on every element.
        manual: whether the first observation begins with the actions; leave it out for a policy that has learned them.
        render_mode: `ansi` or None.

    Reward channels, both on the last turn: `outcome` is 1 where the page's own reward is above 0, which is success;
    `raw` is that reward, in [-1, 1], without the decay by time of day that the original has.
    """

    family = "web"
    splits: tuple[str, ...] = tuple(SIZES)
    channels: tuple[str, ...] = ("outcome", "raw")
    blocking = True
    pictured: ClassVar[Mapping[str, Any]] = {"screenshots": True}

    def __init__(
        self,
        *,
        split: str | None = None,
        task: str | Sequence[str] | None = None,
        boxes: bool = False,
        screenshots: bool = False,
        marks: bool = False,
        manual: bool = True,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        wanted = pages.names() if task is None else (task,) if isinstance(task, str) else tuple(task)
        if not wanted:
            raise ConfigError("task is empty: name some pages, such as click-button")
        for name in wanted:
            if name not in pages.names():
                raise UnknownNameError("MiniWoB task", name, pages.names())
        if marks and not screenshots:
            raise ConfigError("marks are drawn on screenshots: ask for screenshots=True too")
        self.names, self.boxes, self.manual = wanted, boxes, manual
        self.screenshots, self.marks = screenshots, marks
        self.state: Episode | None = None
        browsers().serve(pages.HOST, pages.site())

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in SIZES:
            raise UnknownNameError("split", split, SIZES)
        return task_ids(split, self.names)

    def kind(self, task_id: str) -> str:
        return parse_id(task_id).name

    def begin(self, task_id: str) -> Result:
        self._leave()
        episode = Episode(parse_id(task_id))
        view = browsers().call(self._open(episode))
        self.state = episode
        text = f"Task: {episode.goal}\n{view.text()}"
        return Result(MANUAL + "\n" + text if self.manual else text, images=self._images())

    def act(self, action: str) -> Result:
        assert self.state is not None
        view = browsers().call(self._act(self.state, action))
        session = self.state.session
        assert session is not None
        done, raw = view.read
        if session.infeasible is not None:
            done, raw = True, -1.0
        images = self._images()
        if done:
            self.state.leave()
            rewards = {"outcome": float(raw > 0), "raw": float(raw)}
            return Result(view.text(), rewards, Outcome.terminated(success=raw > 0), images=images)
        outcome = Outcome.invalid_action(view.error) if view.error else Outcome.running()
        return Result(view.text(), outcome=outcome, images=images)

    def oracle(self) -> Iterator[str]:
        """Knows what stands in the page, which agents are not always told, and acts as they do.

        Raises:
            ConfigError: there is no oracle for this page (`oracles.SOLVERS` names those that have one).
        """
        assert self.state is not None
        return solve(self.state.task.name, self.state.goal, self._evaluate)

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Dawdler:
        """The oracle; its mistakes waste a turn.

        Raises:
            ConfigError: there is no oracle for this page.
        """
        return Dawdler(self.oracle(), seed, mistakes)

    def screenshot(self, *, marks: bool = False) -> bytes:
        """The page as PNG; with `marks`, a frame and the id on every element.

        Raises:
            BrowserError: the browser failed.
        """
        assert self.state is not None
        return browsers().call(self._screenshot(self.state, marks))

    def _images(self) -> tuple[bytes, ...]:
        return (self.screenshot(marks=self.marks),) if self.screenshots else ()

    def copy_state(self, state: Episode | None) -> Episode | None:
        if state is None:
            return None
        digest = browsers().call(state.session.digest()) if state.session else state.digest
        return Episode(state.task, [*state.actions], digest, state.goal)

    def close(self) -> None:
        self._leave()
        super().close()

    def _leave(self) -> None:
        if self.state:
            self.state.leave()
        self.state = None

    # -- in the loop of the pool ---------------------------------------------------------------------------------------

    async def _open(self, episode: Episode) -> View:
        """Take a session, open the page in it and repeat what has been done."""
        task, url = episode.task, pages.address(episode.task.name)
        session = await browsers().acquire(url)
        episode.release = weakref.finalize(episode, browsers().release, session)
        again = "" if task.name in pages.ONCE else pages.STOP
        begin = pages.start(task.mode, task.seed)
        view = await session.open(
            url, size=pages.SIZE, skip=pages.SKIPPED, boxes=self.boxes, again=again, begin=begin, read=pages.READ
        )
        episode.goal = view.begun
        for action in episode.actions:
            view = await session.act(action)
        if episode.digest and episode.digest != await session.digest():
            raise BrowserError(f"after the same {len(episode.actions)} actions, the page of {task.name} is another one")
        episode.session = session
        return view

    async def _live(self, episode: Episode) -> Session:
        if episode.session is None or episode.session.broken:
            episode.session = None
            await self._open(episode)
        assert episode.session is not None
        return episode.session

    async def _act(self, episode: Episode, action: str) -> View:
        view = await (await self._live(episode)).act(action)
        episode.actions.append(action)
        episode.digest = ""
        return view

    async def _screenshot(self, episode: Episode, marks: bool) -> bytes:
        return await (await self._live(episode)).screenshot(marks=marks)

    async def _evaluate_in(self, episode: Episode, script: str) -> object:
        return await (await self._live(episode)).evaluate(script)

    def _evaluate(self, script: str) -> object:
        assert self.state is not None
        return browsers().call(self._evaluate_in(self.state, script))
