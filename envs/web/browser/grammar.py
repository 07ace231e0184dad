"""Actions as BrowserGym writes them: `click('a12')`. One call with literal arguments, read and never evaluated."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from agentrl.errors import ActionError

MAX_CHARS = 10_000
"""Of one action."""

Hand = Callable[..., Awaitable[None]]
"""Carries out one kind of action: `async (session, *arguments) -> None`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One action, with arguments of the right types."""

    name: str
    arguments: Mapping[str, Any]


def parse(action: str, hands: Mapping[str, Callable[..., object]]) -> Call:
    """Read one action.

    Args:
        hands: what carries them out, by name, after an argument that is no part of the action.

    Raises:
        ActionError: it is none of `hands`, or not in their form; the message says what would be.
    """
    if len(action) > MAX_CHARS:
        raise ActionError(f"an action has at most {MAX_CHARS} characters")
    try:
        tree = ast.parse(action.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        tree = None
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ActionError("an action is one call such as click('a12'), with texts in quotes")
    name = tree.func.id
    if name not in hands:
        near = difflib.get_close_matches(name, hands, n=1)
        raise ActionError(f"there is no action {name}; " + (f"did you mean {near[0]}?" if near else ", ".join(hands)))
    form = f"use {signature(name, hands[name])}"
    try:
        positional = [ast.literal_eval(argument) for argument in tree.args]
        named = {keyword.arg or "**": ast.literal_eval(keyword.value) for keyword in tree.keywords}
        bound = _form(hands[name]).bind(*positional, **named)
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ActionError(form) from error
    kinds = get_type_hints(hands[name], localns={"Session": object})
    for argument, value in bound.arguments.items():
        if not _fits(value, kinds[argument]):
            raise ActionError(f"{argument}={value!r:.40} does not fit; {form}")
    return Call(name, bound.arguments)


def signature(name: str, hand: Callable[..., object]) -> str:
    """How an action is written: `fill(bid, value)`."""
    parameters = []
    for parameter in _form(hand).parameters.values():
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        parameters.append(parameter.name + default)
    return f"{name}({', '.join(parameters)})"


def _form(hand: Callable[..., object]) -> inspect.Signature:
    whole = inspect.signature(hand)
    return whole.replace(parameters=list(whole.parameters.values())[1:])  # the session is no argument of the agent's


def _fits(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e6
    if get_origin(kind) in (list, tuple):
        return isinstance(value, list | tuple) and all(_fits(item, get_args(kind)[0]) for item in value)
    if options := get_args(kind):  # a Literal, or a union
        return any(value == option if isinstance(option, str) else _fits(value, option) for option in options)
    return isinstance(value, kind)
