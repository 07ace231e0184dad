"""What is told about the world, and how it is asked for; the words themselves are in `relations.toml`.

In sentences, `{s}` is the subject and `{o}` the object of a fact. In the phrases of questions, `{x}` is a name or
another phrase, so that phrases nest: "the spouse of the founder of Zorin Mills".
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["person", "town", "region", "company", "work", "year"]


@dataclass(frozen=True, slots=True)
class Relation:
    """A fact has one subject and one object; a subject has at most one object."""

    name: str
    subject: Kind
    object: Kind
    share: float
    """Of the subjects that have an object."""
    own: tuple[str, ...]
    """Ways to tell it in the article about the subject."""
    other: tuple[str, ...] = ()
    """Ways to tell it in the article about the object; empty where that would have too much to tell."""
    years: tuple[int, int] = (0, 0)
    """First and last, if the object is a year."""
    once: bool = False
    """Whether no two subjects have the same object."""
    symmetric: bool = False
    """Whether the subject is to the object what the object is to the subject."""
    first: str = ""
    """The question which of `{a}` and `{b}` has the lower year …"""
    last: str = ""
    """… and the higher."""


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of a question: a relation followed to its object (`forward`), to its subject, or to either (spouses)."""

    name: str
    relation: str
    forward: bool
    backward: bool
    questions: tuple[str, ...]
    """Ways to ask for what it leads to."""
    hint: str
    """Words to search for beside the name, where the article of that name does not tell."""
    phrases: tuple[str, ...] = ()
    """Ways to name what it leads to inside of a question; none for years, which lead nowhere."""


def _read() -> tuple[dict[str, Relation], dict[str, Step]]:
    relations, steps = {}, {}
    for name, about in tomllib.loads(files(__package__).joinpath("relations.toml").read_text("utf-8")).items():
        to, back = about.pop("to"), about.pop("back", None)
        relation = relations[name] = Relation(name, **_tuples(about))
        steps[name] = Step(name, name, True, relation.symmetric, **_tuples(to))
        if back:
            steps[f"{name} of"] = Step(f"{name} of", name, False, True, **_tuples(back))
    return relations, steps


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


RELATIONS, STEPS = _read()
