"""What a judge sees of an episode, and what a judge is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from agentrl.agents.judges.checklist import Item
from agentrl.types import Turn


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the assistant and what it brought."""

    thinking: str
    """What stood before `</think>`, which nobody else sees."""
    action: str
    """The rest of the action."""
    call: Mapping[str, Any] | None
    """`tool`, `arguments` and `ok` (whether it succeeded) where the action was a tool call that was carried out."""
    said: str | None
    """The words, where the action was one to the user."""
    reply: str
    """Output of the tool, answer of the user, or whatever else the environment showed."""

    @classmethod
    def of(cls, turn: Turn, info: Mapping[str, Any]) -> Self:
        """The step of a turn; `info["call"]` and `info["said"]` tell what its action was."""
        thinking, closed, action = turn.action.rpartition("</think>")
        if not closed and action.startswith("<think>"):  # it was cut while it thought
            thinking, action = action, ""
        return cls(
            thinking.strip().removeprefix("<think>").strip(),
            action.strip(),
            info.get("call"),
            info.get("said"),
            turn.feedback,
        )

    def messages(self) -> list[dict[str, Any]]:
        """The assistant's message and the answer to it."""
        mine: dict[str, Any] = {"role": "assistant"}
        if self.thinking:
            mine["thinking"] = self.thinking
        if self.call is not None:
            mine["tool_call"] = {"name": self.call["tool"], "arguments": self.call["arguments"]}
        elif self.said is not None:
            mine["user_visible_reply"] = self.said
        else:
            mine["action"] = self.action
        return [mine, {"role": "tool" if self.said is None else "user", "content": self.reply}]


@dataclass(frozen=True, slots=True)
class State:
    """An episode up to a step."""

    opening: str
    """The first observation, with what the user said first."""
    steps: tuple[Step, ...]
    begun: int
    """How many steps there were when the current user turn began."""
    info: Mapping[str, Any]
    """What the environment gave with the latest step."""

    @property
    def current(self) -> tuple[Step, ...]:
        """The steps of the current user turn."""
        return self.steps[self.begun :]

    def transcript(self) -> tuple[str, str]:
        """(previous, current) messages, one JSON object a line; the current ones begin with the user's."""
        messages = [{"role": "user", "content": self.opening}, *(m for step in self.steps for m in step.messages())]
        lines = [json.dumps(message, ensure_ascii=False) for message in messages]
        return "\n".join(lines[: 2 * self.begun]), "\n".join(lines[2 * self.begun :])


class Judge(Protocol):
    """Says which items hold."""

    async def verdicts(self, items: Sequence[Item], state: State) -> list[bool]:
        """One verdict for each item of the current user turn. The same state gets the same verdicts.

        Raises:
            InfraError: no verdict could be had.
            ConfigError: an item is none for this judge.
        """
        ...
