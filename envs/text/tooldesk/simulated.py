"""Simulated tools: recorded outputs where a call was recorded, else those of a simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.conversation import Conversation, Made
from agentrl.envs.text.tooldesk.reference import record
from agentrl.errors import InfraError


class ToolSimulator(Protocol):
    """Makes up the output of a tool, e.g. by a language model."""

    def simulate(
        self, tool: str, arguments: Mapping[str, Any], schema: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
    ) -> str:
        """The output of a call; one that begins with "error" means that it failed.

        Args:
            schema: JSON schema of the tool: name, description, parameters.
            history: recorded calls of the task's reference dialogue as examples, then those of the episode, each
                with `tool`, `arguments`, `output`, and `recorded`: which of the two it is.

        Raises:
            InfraError: it could not; the rollout then takes part in no statistic.
        """
        ...


class UnrecordedCallError(InfraError):
    """A call that the reference dialogue does not hold, where there is no simulator to answer it."""


def simulate(conversation: Conversation, call: Call, simulator: ToolSimulator | None) -> str:
    """Answer a call whose arguments fit their schema.

    Raises:
        UnrecordedCallError: it was not recorded, and there is no simulator.
        InfraError: the simulator failed.
    """
    recorded = record(conversation.task.task_id).calls
    found = next((made.output for made in recorded if made.call.key == call.key), None)
    if found is None:
        if simulator is None:
            raise UnrecordedCallError(
                f"{conversation.task.task_id}: the reference dialogue has no call {call.text()!r}; "
                "give the environment a simulator, or play with tools='live'"
            )
        schema = conversation.task.domain.tools[call.tool].schema
        history = [*_plain(recorded, True), *_plain(conversation.made, False)]
        found = simulator.simulate(call.tool, dict(call.arguments), schema, history)
    if not found.startswith("error"):
        conversation.made = (*conversation.made, Made(call, found))
    return found


def _plain(made: Sequence[Made], recorded: bool) -> list[dict[str, Any]]:
    return [
        {"tool": m.call.tool, "arguments": dict(m.call.arguments), "output": m.output, "recorded": recorded}
        for m in made
    ]
