"""Reference dialogues: what the oracle and the user say and do, user turn by user turn.

A user turn begins with a wish and ends with the reply to it; questions in between, and their answers, are steps of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agentrl.envs.text.tooldesk.calls import Action, Call, Say
from agentrl.envs.text.tooldesk.conversation import Conversation, Made
from agentrl.envs.text.tooldesk.oracle import plan
from agentrl.envs.text.tooldesk.tasks import load_task
from agentrl.envs.text.tooldesk.user import greeting


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the oracle and what it brought."""

    action: Action
    output: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A recorded dialogue: the user's message of each turn, and the steps that follow it."""

    turns: tuple[tuple[str, tuple[Step, ...]], ...]

    @property
    def calls(self) -> list[Made]:
        """All tool calls."""
        return [Made(s.action, s.output) for _, steps in self.turns for s in steps if isinstance(s.action, Call)]

    def to_json(self) -> dict[str, Any]:
        """Plain values: per turn the user's message and the steps, the last of which is the reply."""
        return {"turns": [{"user": user, "steps": [_step(s) for s in steps]} for user, steps in self.turns]}


@lru_cache(maxsize=1024)
def record(task_id: str) -> Dialogue:
    """The reference dialogue of a task.

    Raises:
        UnknownNameError: there is no such task.
    """
    task = load_task(task_id)
    conversation = Conversation.begin(task)
    turns: list[tuple[str, tuple[Step, ...]]] = []
    user, steps = greeting(task.script), list[Step]()
    for action in list(plan(conversation)):
        before = conversation.user.wish
        if isinstance(action, Call):
            steps.append(Step(action, conversation.call(action)))
        elif isinstance(action, Say):
            steps.append(Step(action, conversation.say(action.words)))
        if conversation.user.wish != before:
            turns.append((user, tuple(steps)))
            user, steps = steps[-1].output.removeprefix("User: "), []
    return Dialogue(tuple(turns))


def _step(step: Step) -> dict[str, Any]:
    plain: dict[str, Any] = {"action": step.action.text(), "output": step.output}
    if isinstance(step.action, Call):
        plain |= {"tool": step.action.tool, "arguments": dict(step.action.arguments)}
    elif isinstance(step.action, Say):
        plain |= {"said": step.action.words}
    return plain
