"""The judge that is a program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentrl.agents.judges.checklist import Check, Item, SaidCheck, StateCheck, ToolCheck
from agentrl.agents.judges.state import Judge, State
from agentrl.errors import ConfigError


class CheckJudge:
    """Finds out by itself what an item's `check` says.

    Args:
        otherwise: judges the items without one; None refuses them.
    """

    def __init__(self, otherwise: Judge | None = None) -> None:
        self._otherwise = otherwise

    async def verdicts(self, items: Sequence[Item], state: State) -> list[bool]:
        unchecked = [item for item in items if item.check is None]
        if unchecked and self._otherwise is None:
            raise ConfigError(f"checklist item {unchecked[0].id} has no check for a program; use an LLM judge")
        found = dict[str, bool]()
        if unchecked and self._otherwise is not None:
            verdicts = await self._otherwise.verdicts(unchecked, state)
            found = {item.id: verdict for item, verdict in zip(unchecked, verdicts, strict=True)}
        return [found[item.id] if item.check is None else holds(item.check, state) for item in items]


def holds(check: Check, state: State) -> bool:
    """Whether a check holds in a state."""
    match check:
        case ToolCheck(tool, arguments):
            calls = [step.call for step in state.current if step.call is not None]
            return any(call["ok"] and call["tool"] == tool and _has(call["arguments"], arguments) for call in calls)
        case SaidCheck(said):
            words = re.compile(rf"(?<!\w){re.escape(said)}(?!\w)", re.IGNORECASE)
            return any(words.search(step.said) for step in state.current if step.said is not None)
        case StateCheck(values):
            return _has(state.info, values)


def _has(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(name in values and values[name] == value for name, value in wanted.items())
