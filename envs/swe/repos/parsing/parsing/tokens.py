"""From text to tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from parsing.errors import ParseError

Kind = Literal["number", "name", "operator", "end"]

OPERATORS = ("<=", ">=", "==", "!=", "**", "+", "-", "*", "/", "%", "^", "<", ">", "(", ")", ",", "?", ":")
"""Longer ones first."""
WORDS = ("and", "or", "not")
"""Names that are operators."""


@dataclass(frozen=True)
class Token:
    """A piece of text with a meaning."""

    kind: Kind
    text: str
    position: int


def tokenize(text: str) -> Iterator[Token]:
    """All tokens, and one of kind `end`. `#` begins a comment that ends with the line.

    Raises:
        ParseError: a character begins no token, or a number is malformed.
    """
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif char.isdigit() or (char == "." and text[at + 1 : at + 2].isdigit()):
            end = _end_of_number(text, at)
            yield Token("number", text[at:end], at)
            at = end
        elif char.isalpha() or char == "_":
            end = at
            while end < len(text) and (text[end].isalnum() or text[end] == "_"):
                end += 1
            word = text[at:end]
            yield Token("operator" if word in WORDS else "name", word, at)
            at = end
        else:
            for operator in OPERATORS:
                if text.startswith(operator, at):
                    yield Token("operator", operator, at)
                    at += len(operator)
                    break
            else:
                raise ParseError(f"unexpected character {char!r}", text, at)
    yield Token("end", "", len(text))


def _end_of_number(text: str, at: int) -> int:
    end = _end_of_digits(text, at)
    if text[end : end + 1] == ".":
        end = _end_of_digits(text, end + 1)
    if text[end : end + 1] in ("e", "E"):
        digits = end + 1
        if text[digits : digits + 1] in ("+", "-"):
            digits += 1
        end = _end_of_digits(text, digits)
        if end == digits:
            raise ParseError("an exponent has no digits", text, at)
    if text[end : end + 1].isalpha() or text[end : end + 1] in ("_", "."):
        raise ParseError("malformed number", text, at)
    return end


def _end_of_digits(text: str, at: int) -> int:
    while at < len(text) and text[at].isdigit():
        at += 1
    return at
