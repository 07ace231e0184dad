"""What an expert does in every domain: read the user's words, ask, and take a refusal as an answer."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import cache
from re import Pattern

from agentrl.envs.text.tooldesk.calls import Call, Say
from agentrl.envs.text.tooldesk.wishes import ANSWERS, QUESTIONS

Steps = Generator[str, str, str]
"""Yields actions, is sent what each brings, and returns what to say in the end."""
Service = Callable[[str, dict[str, str]], Steps]
"""Serves one wish, given what `find_user` said and the slots that the wish names."""

_FORMS = dict.fromkeys(("order", "payment", "reservation", "day", "bags"), r"\d+") | {
    "address": r"[a-z]+ street \d+",
    "reason": r"It? [a-z ]+",
}
"""What the user says for a slot; one word where it is not here."""


class Refused(Exception):  # noqa: N818 - a decision, not an error
    """A rule forbids the wish; the text is its id."""


def call(tool: str, /, **arguments: object) -> Steps:
    """Call a tool; returns its output.

    Raises:
        Refused: by the rule that the database names, or because there is no such thing.
    """
    output = yield Call(tool, arguments).text()
    if match := re.match(r"error (?:policy )?([\w-]+)", output):
        raise Refused(match[1])
    return output


def refuse_unless(condition: bool, rule: str) -> None:
    """Raise `Refused` by a rule where its condition does not hold."""
    if not condition:
        raise Refused(rule)


def need(slots: Mapping[str, str], slot: str) -> Steps:
    """What the wish says of a slot, else what the user answers. Of several answers the last counts."""
    if slot in slots:
        return slots[slot]
    told = yield Say(QUESTIONS[slot]).text()
    found = [match[slot] for match in _pattern(ANSWERS[slot]).finditer(told)]
    return found[-1] if found else ""


def understand(text: str, phrases: Mapping[str, Iterable[str]]) -> tuple[str, dict[str, str]] | None:
    """The kind of the wish that a message ends with, and the slots that it names; None if it follows no phrase."""
    for kind, templates in phrases.items():
        for template in templates:
            if match := _pattern(template, whole=True).search(text):
                return kind, match.groupdict()
    return None


@cache
def _pattern(template: str, *, whole: bool = False) -> Pattern[str]:
    parts = []
    for literal, name, _, _ in string.Formatter().parse(template):
        parts.append(re.escape(literal))
        if name:
            parts.append(f"(?P<{name}>{_FORMS.get(name, '[a-z]+')})")
    return re.compile("".join(parts) + ("$" if whole else ""))
