"""Checklists: what an assistant has to do in each user turn, item by item; schema of CM2, arXiv 2602.12268."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from agentrl.errors import ConfigError

Focus = Literal[
    "assistant.tool_calls", "assistant.content.thinking", "assistant.content.user_visible_reply", "tool.content"
]
"""The part of the messages that an item is about."""

TOOL_FOCUSED: frozenset[Focus] = frozenset({"assistant.tool_calls", "tool.content"})

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class ToolCheck:
    """In this user turn the tool was called successfully, with these arguments and maybe others."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    tool: Text
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SaidCheck:
    """In this user turn something said to the user contains the text as whole words, in any case."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    said: Text


@dataclass(frozen=True, slots=True)
class StateCheck:
    """After the latest step the environment's `info` has these values."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    state: Annotated[Mapping[str, Any], Field(min_length=1)]


Check = ToolCheck | SaidCheck | StateCheck
"""What a program can find out."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the reference dialogue does what an item asks for."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    turn: int
    step: int
    focus: Annotated[Focus, Field(alias="from")]
    snippet: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be observed, answered by yes or no."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: Text
    """Unique in its user turn."""
    focus_on: Focus
    question: Text
    pass_condition: Text
    weight: Annotated[float, Field(gt=0)]
    """The weights of a user turn sum to 1."""
    failure_examples: tuple[Text, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    required_for_next_turn: bool = False
    """Strict: an episode that leaves the user turn without it ends there."""
    dependence: tuple[Text, ...] = ()
    """Tool-focused items of the same user turn without which satisfying this one earns nothing."""
    check: Check | None = None


Checklist = tuple[tuple[Item, ...], ...]
"""The items of each user turn."""

_PLAIN: TypeAdapter[Checklist] = TypeAdapter(Checklist)


def parse_checklist(plain: object, source: str) -> Checklist:
    """Read a checklist from plain values, as JSON has them.

    Args:
        plain: for each user turn a list of items.
        source: what the messages of errors begin with, e.g. the task.

    Raises:
        ConfigError: it is none, or contradicts itself; the message says where.
    """
    try:
        checklist = _PLAIN.validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise ConfigError(f"{source}: checklist, {where}: {first['msg']}; got {first['input']!r:.80}") from error
    if not checklist:
        raise ConfigError(f"{source}: the checklist is empty")
    for turn, items in enumerate(checklist):
        if problem := _contradiction(items):
            raise ConfigError(f"{source}: checklist, user turn {turn}: {problem}")
    return checklist


def _contradiction(items: Sequence[Item]) -> str:
    """What is wrong with the items of a user turn, "" if nothing is."""
    by_id = {item.id: item for item in items}
    if len(by_id) < len(items):
        return "two items have the same id"
    if not math.isclose(total := sum(item.weight for item in items), 1.0, abs_tol=1e-6):
        return f"the weights sum to {total:g}, not to 1"
    for item in items:
        for needed in item.dependence:
            if needed not in by_id:
                return f"item {item.id} depends on {needed}, which is no item of this user turn"
            if by_id[needed].focus_on not in TOOL_FOCUSED:
                return f"item {item.id} depends on {needed}, whose focus is no tool but {by_id[needed].focus_on}"
    try:
        TopologicalSorter({item.id: item.dependence for item in items}).prepare()
    except CycleError as error:
        return f"items depend on each other: {' → '.join(error.args[1])}"
    return ""
