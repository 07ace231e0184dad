"""What a text means as a call of a tool.

    open({"path": "src/a.py", "line": 20})
    open(path="src/a.py", line=20)
    open("src/a.py", 20)
    open src/a.py 20

Before it may stand words, and around it a fence of three backticks: models like to say what they are about to do.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from agentrl.envs.swe import syntax

MAX_CHARS = 32_000
"""Of one action."""
_FENCED = re.compile(r"```\w*[ \t]*\n(.*?)\n?```", re.DOTALL)


class CallError(ValueError):
    """The text is no call of a tool; the message says how to write one."""


def parse(text: str, tools: Mapping[str, Callable[..., Any]]) -> tuple[str, dict[str, Any]]:
    """The tool and its arguments, which fit its signature: text, or whole numbers where it says `int`.

    Args:
        tools: functions by name, whose parameters are those of the tool.

    Raises:
        CallError: no tool is called, or not like this.
    """
    if len(text) > MAX_CHARS:
        raise CallError(f"an action has at most {MAX_CHARS} characters")
    blocks = _FENCED.findall(text)
    text = str(blocks[-1] if blocks else text).strip()
    found = re.search(rf"^({'|'.join(tools)})(?=\s*\(|\s|$)", text, re.MULTILINE)
    if not found:
        raise CallError(f"write one call of a tool: {', '.join(tools)}")
    name, rest = found[1], text[found.end() :].strip()
    parameters = inspect.signature(tools[name]).parameters
    positional, named = _bracketed(rest) if rest.startswith("(") else (_words(rest), {})
    form = f"{name}({', '.join(parameters)})"
    if len(positional) > len(parameters):
        raise CallError(f"too many arguments: {form}")
    arguments = dict(zip(parameters, positional, strict=False))
    for key, value in named.items():
        if key not in parameters or key in arguments:
            raise CallError(f"{key!r} is no argument, or given twice: {form}")
        arguments[key] = value
    hints = get_type_hints(tools[name])
    for key, parameter in parameters.items():
        if key in arguments:
            arguments[key] = _typed(arguments[key], hints[key], f"{key} of {form}")
        elif parameter.default is parameter.empty:
            raise CallError(f"{key} is missing: {form}")
    return name, arguments


def _bracketed(text: str) -> tuple[list[Any], dict[str, Any]]:
    """What stands in brackets: a JSON object, or Python's literals; what comes after them is talk."""
    try:
        named, _ = json.JSONDecoder(strict=False).raw_decode(text[1:].lstrip())
        if isinstance(named, dict):
            return [], named
    except (ValueError, RecursionError):
        pass
    try:
        match syntax.parse(f"f{text[: text.rfind(')') + 1]}").body:
            case [ast.Expr(value=ast.Call() as call)]:
                named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
                return [ast.literal_eval(value) for value in call.args], named
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        pass
    raise CallError("the brackets hold neither a JSON object nor plain values")


def _words(text: str) -> list[Any]:
    try:
        return shlex.split(text.partition("\n")[0])
    except ValueError as error:
        raise CallError(f"{error}: quotes must be closed") from None


def _typed(value: Any, kind: type, where: str) -> Any:
    if kind is int:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
            return value
        raise CallError(f"{where} must be a whole number")
    if not isinstance(value, str):
        raise CallError(f"{where} must be text")
    return value
