"""`SWE-v0`: repair repositories in sandboxes, graded by their tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from agentrl.envs.base import Demonstrator, Result, TextEnv
from agentrl.envs.swe import judging, rewards
from agentrl.envs.swe.bash import BashSurface
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.lines import LinesSurface
from agentrl.envs.swe.surface import Surface
from agentrl.envs.swe.taskset import FileTasks, ShippedTasks, TaskSet
from agentrl.envs.swe.tools import ToolsSurface
from agentrl.envs.swe.workshop import PROVIDERS
from agentrl.envs.swe.workspace import UnreadableError
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

TURNS = 40
"""Most turns of an episode, where no time limit says otherwise."""
SURFACES: dict[str, type[Surface]] = {"bash": BashSurface, "tools": ToolsSurface, "lines": LinesSurface}


@dataclass(frozen=True, slots=True)
class Repair:
    """State of an episode."""

    instance: Instance
    surface: Surface
    actions: tuple[str, ...] = ()
    """So far."""


class SWEEnv(TextEnv):
    """A Python repository with a bug: find it, mend it, submit; graded in another sandbox by the tests.

    Args:
        surface: how to act. `bash`: commands of a shell that keeps its state. `tools`: calls that open, search, edit
            and test. `lines`: `replace LINE OLD NEW`, `test` and `submit` on the functions that a failing test may be
            about, for small policies; needs no sandbox of its own, and has the tasks alone whose fix it can say.
        file: JSON lines of instances (`agentrl swe build`, `agentrl swe import`) instead of the shipped tasks.
        sandbox: `docker`, `runsc` (gVisor in docker), `process`, or `auto`: docker where an engine has the image, else
            process.
        test_channels: whether the rewards have a channel for each test of FAIL_TO_PASS, for the method `verpo`.
        split: `train`, `valid` or `test`.
        render_mode: `ansi` or None.

    Reward channels, see `rewards.py`: `outcome` has G-RA's levels and is 1 where the task is resolved; `completed` is 1
    where the agent submits, `modified` where it submits a change, so that their means are rates; `tests` is the
    share of the tests that hold in the end, and `test/0` and so on 1 for each of FAIL_TO_PASS that does; `format`,
    `tool_valid` and `submit` are the critics of each turn.
    `info` has, in the end, `grade`: what became of the submission, with the reasons not to believe it (`flags`).

    Raises:
        UnknownNameError: there is no such surface, sandbox or split.
        ConfigError: the file holds no tasks.
    """

    family = "swe"
    splits: tuple[str, ...] = ("train", "valid", "test")
    channels: tuple[str, ...] = (
        "outcome",
        "completed",
        "modified",
        "tests",
        "test/*",
        "format",
        "tool_valid",
        "submit",
    )
    blocking = True
    sandboxes: ClassVar[tuple[str, ...]] = PROVIDERS

    def __init__(
        self,
        *,
        surface: str = "bash",
        file: str = "",
        sandbox: str = "auto",
        test_channels: bool = False,
        split: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        if surface not in SURFACES:
            raise UnknownNameError("surface", surface, SURFACES)
        if sandbox not in PROVIDERS:
            raise UnknownNameError("sandbox", sandbox, PROVIDERS)
        self.source: TaskSet = ShippedTasks(small=surface == "lines")
        if file:
            self.source = FileTasks(Path(file), judging.is_sayable if surface == "lines" else None)
        self.splits = self.source.splits
        super().__init__(split=split, render_mode=render_mode)
        if not test_channels:
            self.channels = tuple(name for name in self.channels if name != "test/*")
        self.surface, self.sandbox, self.test_channels = surface, sandbox, test_channels
        self.state: Repair | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return self.source.ids(split or self.split)

    def kind(self, task_id: str) -> str:
        """The kind of bug, e.g. `op_change`."""
        return self.source.kind(task_id)

    def begin(self, task_id: str) -> Result:
        instance = self.source.instance(task_id)
        self._end()
        self.state = Repair(instance, SURFACES[self.surface].open(self.sandbox, instance))
        return Result(self.state.surface.opening(instance.problem_statement))

    def act(self, action: str) -> Result:
        assert self.state
        move = self.state.surface.act(action)
        self.state = replace(self.state, actions=(*self.state.actions, action))
        if move.submit:
            return self._submitted()
        bad = move.problem == "format"
        critics = self._critics(not bad, None if bad else not move.problem, submits=False, empty=False)
        return Result(move.text, critics, Outcome.invalid_action(move.text) if bad else Outcome.running())

    def oracle(self) -> Iterator[str]:
        """The reverse of the bug by the public actions, and submit."""
        if self.state:
            yield from self.state.surface.oracle(judging.solved(self.state.instance))

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator:
        """For `lines`, an expert that tests, edits, tests and submits; call it right after `reset`."""
        expert = self.state and self.state.surface.demonstrator(
            judging.solved(self.state.instance), seed=seed, mistakes=mistakes
        )
        return expert or super().demonstrator(seed=seed, mistakes=mistakes)

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """`patch`: the fix, as a unified diff."""
        return {"patch": self.source.instance(task_id).patch}

    def snapshot(self) -> Any:
        """Plain data that outlives the process: what has become of all files, shell state among them, and the actions.

        Processes that run in the sandbox are not part of it.
        """
        state = self.state
        point = state and {"actions": list(state.actions), "point": state.surface.pack()}
        return {"task": self.task_id, "surface": self.surface, "last": self._last, "state": point}

    def restore(self, snapshot: Any) -> None:
        if snapshot["surface"] != self.surface:
            raise ConfigError(
                f"the snapshot is of surface {snapshot['surface']!r}: restore it in an environment made with that"
            )
        self._end()
        self.task_id, self._last, point = snapshot["task"], snapshot["last"], snapshot["state"]
        if point:
            instance = self.source.instance(self.task_id)
            surface = SURFACES[self.surface].restore(self.sandbox, instance, point["point"])
            self.state = Repair(instance, surface, tuple(point["actions"]))

    def copy_state(self, state: Any) -> Any:
        return state and replace(state, surface=state.surface.fork())

    def close(self) -> None:
        """Give the sandbox back."""
        self._end()

    def _end(self) -> None:
        state, self.state = self.state, None
        if state:
            state.surface.close()

    def _submitted(self) -> Result:
        assert self.state
        instance, said = self.state.instance, "submitted"
        try:
            diff = self.state.surface.diff()
        except UnreadableError as error:
            diff, said = "", f"submitted nothing: {error}"
        grade = judging.grade(self.sandbox, instance, diff)
        self.state.surface.close()
        about = {
            "resolved": grade.resolved,
            "share": grade.share,
            "empty": grade.empty,
            "applied": grade.applied,
            "flags": [str(flag) for flag in grade.flags],
            "dropped": list(grade.dropped),
            "error": grade.error,
        }
        found = {
            "outcome": rewards.outcome(grade),
            "completed": 1.0,
            "modified": float(not grade.empty),
            "tests": grade.share,
        }
        if self.test_channels:
            held = grade.verdict.fail_to_pass.values()
            found |= {f"test/{i}": float(holds and not grade.flags) for i, holds in enumerate(held)}
        found |= self._critics(True, True, submits=True, empty=grade.empty)
        return Result(said, found, Outcome.terminated(success=grade.resolved), info={"grade": about})

    def _critics(self, format_: bool, tool: bool | None, *, submits: bool, empty: bool) -> dict[str, float]:
        """What the critics of single steps say of the last action."""
        assert self.state
        turns = self.turn_limit or TURNS
        last = submits or len(self.state.actions) == turns
        opinions = {
            "format": format_,
            "tool_valid": tool,
            "submit": rewards.submit_opinion(submits=submits, last=last, empty=empty),
        }
        return {name: rewards.critic(opinion, turns) for name, opinion in opinions.items()}
