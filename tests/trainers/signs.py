"""An environment that is learned in a second."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import agentrl
from agentrl.envs.base import Result, TextEnv
from agentrl.errors import UnknownNameError
from agentrl.types import Outcome

SIGNS = "tests.trainers.signs:Signs-v0"
TUTORED = "tests.trainers.signs:TutoredSigns-v0"
ASKED = "tests.trainers.signs:AskedSigns-v0"
MARKED = "tests.trainers.signs:MarkedSigns-v0"


class Signs(TextEnv):
    """Go three times where the sign points; one wrong turn ends it, other words are not understood."""

    splits = ("train", "valid", "test")
    channels = ("outcome", "progress")

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return [f"{split}/{i}" for i in range(20)]

    def kind(self, task_id: str) -> str:
        """Where the first sign points."""
        return _ways(task_id)[0]

    def begin(self, task_id: str) -> Result:
        if task_id.partition("/")[0] not in self.splits:
            raise UnknownNameError("task", task_id, self.tasks())
        self.state = _ways(task_id)
        return Result(self._sign())

    def act(self, action: str) -> Result:
        if action not in ("go left", "go right"):
            return Result(f"What? {self._sign()}", outcome=Outcome.invalid_action("go left, or go right"))
        if action != f"go {self.state.pop(0)}":
            return Result("You are lost.", outcome=Outcome.terminated(success=False))
        if not self.state:
            return Result("You are home.", {"outcome": 1.0, "progress": 1 / 3}, Outcome.terminated(success=True))
        return Result(self._sign(), {"progress": 1 / 3})

    def oracle(self) -> Iterator[str]:
        yield from [f"go {way}" for way in self.state]

    def _sign(self) -> str:
        return f"Sign {len(self.state)} says {self.state[0]}."


class TutoredSigns(Signs):
    """Signs with a tutor, who judges the steps as a checklist of two user turns, and guesses what was learned."""

    channels = (*Signs.channels, "information_gain", "checklist/*")

    def reference(self, task_id: str) -> Mapping[str, Any]:
        checklist = [[{"id": "1", "weight": 0.5}, {"id": "2", "weight": 0.5}], [{"id": "3", "weight": 1.0}]]
        return {"answer": " ".join(_ways(task_id)), "checklist": checklist}

    def act(self, action: str) -> Result:
        number, right = 4 - len(self.state), action == f"go {self.state[0]}"
        result = super().act(action)
        verdict = {f"checklist/{int(number == 3)}/{number}": float(right), "information_gain": float(right) / number}
        return dataclasses.replace(result, rewards={**result.rewards, **verdict})


class AskedSigns(Signs):
    """Signs with a known answer: all of the way."""

    def reference(self, task_id: str) -> Mapping[str, Any]:
        return {"answer": " ".join(_ways(task_id)), "answer_form": "go {answer}."}


class MarkedSigns(Signs):
    """Signs with a test for each of them: whether it has been followed in the end."""

    channels = (*Signs.channels, "test/*")

    def act(self, action: str) -> Result:
        followed = 3 - len(self.state) + (action == f"go {self.state[0]}")
        result = super().act(action)
        marks = {f"test/{i}": float(i < followed) for i in range(3)} if result.outcome.done else {}
        return dataclasses.replace(result, rewards={**result.rewards, **marks})


def _ways(task_id: str) -> list[str]:
    return random.Random(task_id).choices(["left", "right"], k=3)


agentrl.register("Signs-v0", "tests.trainers.signs:Signs", max_episode_steps=10)
agentrl.register("TutoredSigns-v0", "tests.trainers.signs:TutoredSigns", max_episode_steps=10)
agentrl.register("AskedSigns-v0", "tests.trainers.signs:AskedSigns", max_episode_steps=10)
agentrl.register("MarkedSigns-v0", "tests.trainers.signs:MarkedSigns", max_episode_steps=10)
