"""What an agent's line of text means: a tool call, words to the user, or the end.

cancel_order({"order": 12, "reason": "mistake"})
cancel_order order=12 reason=mistake
cancel_order order 12 reason mistake
change_address order 12 address "oak street 7"
say[Order 12 is cancelled.]
done[]
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentrl.envs.text.tooldesk.tools import ToolError

_JSON_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)
_SAY = re.compile(r"say\[(.*)\]", re.DOTALL)
_NAME = re.compile(r"\w+")
_FORMS = "write tool key=value, say[text] or done[]"
MAX_CHARS = 2_000
"""Of one action."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool."""

    tool: str
    arguments: Mapping[str, Any]

    def text(self) -> str:
        """In the compact form with spaces, in which a number is the same token as where it was read."""
        return " ".join([self.tool, *(f"{key} {_quoted(value)}" for key, value in self.arguments.items())])

    @property
    def key(self) -> tuple[str, str]:
        """Equal for calls of the same tool with the same arguments."""
        return self.tool, json.dumps(self.arguments, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Say:
    """Words to the user."""

    words: str

    def text(self) -> str:
        return f"say[{self.words}]"


@dataclass(frozen=True, slots=True)
class Done:
    """The conversation is over."""

    def text(self) -> str:
        return "done[]"


Action = Call | Say | Done


def parse(text: str) -> Action:
    """What a line means. The arguments of a call have not met their schema yet.

    Raises:
        ToolError: `format`; it means nothing.
    """
    text = text.strip()
    if len(text) > MAX_CHARS:
        raise ToolError("format", "", f"at most {MAX_CHARS} characters")
    if text == "done[]":
        return Done()
    if match := _SAY.fullmatch(text):
        return Say(match[1].strip())
    if match := _JSON_CALL.fullmatch(text):
        return Call(match[1], _json_object(match[2]))
    try:
        name, *words = shlex.split(text) or [""]
    except ValueError as error:
        raise ToolError("format", "", f"{error}; {_FORMS}") from None
    if not _NAME.fullmatch(name):
        raise ToolError("format", "", _FORMS)
    return Call(name, _pairs(words))


def _pairs(words: list[str]) -> dict[str, Any]:
    """The arguments in words: `key=value`, or `key` and then `value`."""
    arguments: dict[str, Any] = {}
    value: str | None
    rest = iter(words)
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals:
            value = next(rest, None)
        if value is None or not _NAME.fullmatch(key) or key in arguments:
            raise ToolError("format", key[:40], f"a value is missing or given twice; {_FORMS}")
        arguments[key] = value
    return arguments


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ToolError("format", "", "the brackets hold no JSON object")
    return value


def _quoted(value: object) -> str:
    return f'"{value}"' if " " in str(value) else str(value)
