"""Which of the six goals a PDDL goal is, and how far it is reached."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from agentrl.envs.text.alfworld.game import Goal
from agentrl.envs.text.alfworld.pddl import Expr, unsupported

Literal = tuple[str, ...]

_PLACED = "inreceptacle ?o ?r, objecttype ?o OBJECT, receptacletype ?r RECEPTACLE"
_LIT = "objecttype ?t TOGGLE, toggleable ?t, istoggled ?t, atlocation ?a ?l, objecttype ?o OBJECT, holds ?b ?o"
_TEMPLATES = (
    ("pick_and_place_simple", _PLACED),
    ("pick_clean_then_place_in_recep", f"{_PLACED}, cleanable ?o, isclean ?o"),
    ("pick_heat_then_place_in_recep", f"{_PLACED}, heatable ?o, ishot ?o"),
    ("pick_cool_then_place_in_recep", f"{_PLACED}, coolable ?o, iscool ?o"),
    ("pick_two_obj_and_place", f"{_PLACED}, != ?o ?p, inreceptacle ?p ?r, objecttype ?p OBJECT"),
    ("look_at_obj_in_light", f"{_LIT}, receptacleatlocation ?r ?l, inreceptacle ?t ?r"),
    ("look_at_obj_in_light", f"{_LIT}, objectatlocation ?t ?l"),
)
"""The goals as sets of literals: `?x` stands for a variable, a word in capitals for a type to be read off."""


def read_goal(goal: Expr) -> Goal:
    """Recognise a PDDL goal, whatever its variables are called and however it is nested.

    Raises:
        UnsupportedGameError: it is none of the six goals (sliced objects and movable receptacles are others).
    """
    literals = frozenset(_literals(goal, {}, itertools.count()))
    for task_type, text in _TEMPLATES:
        template = [tuple(literal.split()) for literal in text.split(", ")]
        if len(template) == len(literals) and (found := _match(template, literals, {})) is not None:
            return Goal(
                task_type,
                found["OBJECT"],
                found.get("RECEPTACLE", ""),
                found.get("TOGGLE", ""),
                lamp_at_location="objectatlocation ?t ?l" in text,
            )
    facts = " ".join(sorted({literal[0] for literal in literals}))
    raise unsupported(f"a goal over {facts}")


def _literals(goal: Expr, names: Mapping[str, str], fresh: Iterator[int]) -> Iterator[Literal]:
    """The literals of nested `and` and `exists`, each variable with a name of its own."""
    match goal:
        case ["and", *parts]:
            for part in parts:
                yield from _literals(part, names, fresh)
        case ["exists", list(variables), body]:
            scope = {str(v): f"?{next(fresh)}" for v in variables if str(v).startswith("?")}
            yield from _literals(body, {**names, **scope}, fresh)
        case ["not", ["=", str(one), str(other)]]:
            first, second = sorted((names.get(one, one), names.get(other, other)))
            yield ("!=", first, second)
        case [str(fact), *arguments] if all(isinstance(argument, str) for argument in arguments):
            yield (fact, *(names.get(str(argument), str(argument)) for argument in arguments))
        case _:
            raise unsupported(f"the goal {goal}")


def _match(template: list[Literal], literals: frozenset[Literal], bound: dict[str, str]) -> dict[str, str] | None:
    """Assign distinct variables, and words to capitals, so that the template becomes the literals."""
    if not template:
        return bound
    fact, *arguments = template[0]
    for literal in literals:
        if literal[0] != fact or len(literal) != len(template[0]):
            continue
        for order in itertools.permutations(literal[1:]) if fact == "!=" else [literal[1:]]:
            trial = dict(bound)
            fits = all(
                name.startswith("?") == value.startswith("?") and trial.setdefault(name, value) == value
                for name, value in zip(arguments, order, strict=True)
            )
            variables = [value for name, value in trial.items() if name.startswith("?")]
            if fits and len(set(variables)) == len(variables):
                found = _match(template[1:], literals - {literal}, trial)
                if found is not None:
                    return found
    return None
