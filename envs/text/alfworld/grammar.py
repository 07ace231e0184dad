"""The words of a game: command templates and replies, read from its `alfred.twl2` grammar.

The original engine derives every reply from a context-sensitive grammar at run time (`textworld.envs.pddl.textgen`).
Here the grammar is read once: each production has to have the shape that `_RULES` lists, which fixes when it applies
and what it may mention, while its wording is free. So the older grammars ("put O in/on R", "You arrive at loc 3.")
need no special case, and a production of another shape is refused by name.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from agentrl.envs.text.alfworld.game import Rule, Texts
from agentrl.envs.text.alfworld.pddl import unsupported
from agentrl.envs.text.alfworld.scenes import package_folder
from agentrl.envs.text.alfworld.state import FACTS

_OPEN = "openable(r:receptacle) & opened(r:receptacle)"
_HERE = "atlocation(a:agent, l:location) & receptacleatlocation(r:receptacle, l:location)"
_BESIDE = (
    "atlocation(a:agent, l:location) & objectatlocation(o:object, l:location)"
    " & receptacleatlocation(r:receptacle, l:location) & not_inreceptacle(o:object, r:receptacle)"
)
_HOLES = {
    "{o.name}": "{o}",
    "{r.name}": "{r}",
    "{r.name or r.id}": "{r}",
    "{co.name}": "{co}",
    "{ko.name}": "{ko}",
    "{lend.name}": "{l}",
    "{o}": "{o}",
    "{r}": "{r}",
    "{co}": "{co}",
    "{ko}": "{ko}",
    "{o.indefinite}": "a",  # what PddlEnv gives every entity
    "{r.indefinite}": "a",
    "[{r.name | receptacleatlocation(r:receptacle, lend:location)}]": "{r}",
    f"[{{r.name | {_HERE}}}]": "{receptacles}",
    "[{#overview(r)# | receptacleatlocation(r:receptacle, l:location)}]": "{receptacles}",
    f"[{{#overview(o)# | {_BESIDE}}}]": "{objects}",
    "[{o.indefinite + ' ' + o.name | inreceptacle(o:object, r:receptacle)}]": "{objects}",
    "[{o.indefinite + ' ' + o.name | holds(a:agent, o:object)}]": "{o_with_article}",
    "[{o2.indefinite + ' ' + o2.name | inreceptacleobject(o2:object, o:object)}]": "{objects}",
    "#examineReceptacle.feedback#": "{examine}",
    "#look.feedback#": "{look}",
    "#look-variations#": "{facing}",
    "#list_objects_on_the_floor#": "{beside}",
    "#list_appliances#": "{appliances}",
    "#task#": "{task}",
}
"""Expressions of the grammar → field of the format string."""

_RULES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "intro": (("", "intro", "look task"),),
    "task": (("", "task", ""),),
    "examineReceptacle.feedback": (
        (_OPEN, "open", "r objects"),
        ("openable(r:receptacle)", "closed", "r"),
        ("", "on", "r objects"),
    ),
    "inventory.feedback": (("holdsany(a:agent)", "carrying", "o_with_article"), ("", "empty_handed", "")),
    "look.feedback": ((_HERE, "at_receptacle", "facing beside"), ("", "in_the_middle", "appliances")),
    "look-variations": (("", "facing", "receptacles"),),
    "list_objects_on_the_floor": ((_BESIDE, "beside", "objects"), ("", "nothing_beside", "")),
    "list_appliances": (
        ("receptacleatlocation(r:receptacle, l:location)", "appliances", "receptacles"),
        ("", "no_appliances", ""),
    ),
    "overview(o)": (("", "overview_object", "o"),),
    "overview(r)": (("", "overview_receptacle", "r"),),
    "list_empty": (("", "list_empty", ""),),
    "list_separator": (("", "list_separator", ""),),
    "list_last_separator": (("", "list_last_separator", ""),),
}
"""Symbol → its productions in order: condition, key of the reply, fields that it may mention."""

_REPLY_FIELDS = {
    "gotolocation": "r l examine",
    "openobject": "r examine",
    "closeobject": "r",
    "pickupobject": "o r",
    "putobject": "o r",
    "heatobject": "o r",
    "coolobject": "o r",
    "cleanobject": "o r",
    "sliceobject": "co ko",
    "help": "",
}
"""Actions with a reply of their own: the fields that it may mention."""
_REPLY_SYMBOLS = {
    "inventory": "inventory.feedback",
    "look": "look.feedback",
    "examinereceptacle": "examineReceptacle.feedback",
}
"""Actions whose reply has to be the symbol given."""
_COMMAND_FIELDS = {action: fields.replace(" examine", "") for action, fields in _REPLY_FIELDS.items()} | {
    "gotolocation": "r",
    "openobject": "r",
    "examinereceptacle": "r",
    "examineobject": "o",
    "toggleobject": "o",
    "inventory": "",
    "look": "",
}
_STATES = frozenset(FACTS)
"""Facts that a condition about one object may ask for."""
_NEVER_DENIED = frozenset({f"not_{fact}" for fact in _STATES} - {"not_ishot", "not_iscool"})
"""Negative facts that the original never asserts (it does so only where an action deletes the fact): always untrue."""

_SPECIAL = re.compile(r'[][{}#;|<>"\t]')
"""Characters that mean something to the original's parser of texts."""
_GOAL_MARK = "UNKNOWN GOAL"
_TASK = re.compile(r'"task"\s*:\s*\[\s*\{\s*"rhs"\s*:\s*("(?:[^"\\]|\\.)*")')
_ACTION = re.compile(r'action\s+([\w/-]+)\s*\{((?>"""(?:.|\n)*?"""|"[^"]*"|[^"}])*)\}')
_ENTRY = re.compile(r'(template|feedback|grammar|pddl)\s*::\s*("""(?:.|\n)*?"""|"[^"]*")\s*;')


def read_grammar(grammar: str) -> tuple[Texts, str]:
    """The texts of a grammar and the game's objective, e.g. "put a apple in fridge".

    Raises:
        ValueError: its tables of productions are damaged.
        UnsupportedGameError: a production has a shape that the engine does not play.
    """
    found = _TASK.search(grammar)
    task = str(json.loads(found[1], strict=False)) if found else ""
    objective = task.removeprefix("Your task is to: ").removesuffix(".")
    if not found or task != f"Your task is to: {objective}." or _SPECIAL.search(objective):
        raise unsupported(f"the task sentence {task!r}")
    general = f'{grammar[: found.start(1)]}"Your task is to: {_GOAL_MARK}."{grammar[found.end(1) :]}'
    return _read(general), objective


@functools.cache
def installed_texts() -> Texts:
    """The texts of the grammar that comes with the installed `alfworld` package.

    Raises:
        MissingExtraError: `alfworld` is not installed.
    """
    return _read((package_folder() / "data" / "alfred.twl2").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=16)
def _read(grammar: str) -> Texts:
    rules, actions = _parse(grammar)
    replies: dict[str, str] = {}
    for symbol, productions in _RULES.items():
        given = rules.get(symbol, ())
        if [_spaces(p.get("condition", "")) for p in given] != [condition for condition, _, _ in productions]:
            raise unsupported(f"the conditions of the grammar's {symbol!r}")
        for production, (_, key, fields) in zip(given, productions, strict=True):
            replies[key] = _format(production["rhs"], fields, symbol)
    if replies["overview_object"] != "a {o}" or replies["overview_receptacle"] != "a {r}":
        raise unsupported("the grammar's 'overview'")

    commands = {}
    for action, fields in _COMMAND_FIELDS.items():
        if action not in actions:
            if action == "help":
                continue
            raise unsupported(f"a grammar without the action {action!r}")
        commands[action] = _format(actions[action]["template"], fields, action)
        feedback = actions[action]["feedback"]
        symbol = feedback.strip("#")
        if action in _REPLY_SYMBOLS:
            if feedback != f"#{_REPLY_SYMBOLS[action]}#":
                raise unsupported(f"the reply {feedback!r} to {action!r}")
        elif action in _REPLY_FIELDS:
            given = rules.get(symbol, ()) if feedback == f"#{symbol}#" else [{"rhs": feedback}]
            if len(given) != 1 or given[0].get("condition"):
                raise unsupported(f"the conditions of the grammar's {symbol!r}")
            replies[action] = _format(given[0]["rhs"], _REPLY_FIELDS[action], symbol)
    about = _object_rules(rules, actions["examineobject"]["feedback"])
    return Texts(commands, replies, about, _object_rules(rules, actions["toggleobject"]["feedback"]))


def _parse(grammar: str) -> tuple[dict[str, list[dict[str, str]]], dict[str, dict[str, str]]]:
    """Production rules by symbol; template and feedback by action in lower case."""
    rules: dict[str, Any] = {}
    actions: dict[str, dict[str, str]] = {}
    rest = grammar
    for found in _ACTION.finditer(grammar):
        entries = dict(_ENTRY.findall(found[2]))
        actions[found[1].lower()] = {key: entries.get(key, '""')[1:-1] for key in ("template", "feedback")}
        rest = rest.replace(found[0], entries["grammar"].join(("grammar :: ", ";")) if "grammar" in entries else "")
    for kind, block in _ENTRY.findall(rest):
        lines = block[3:-3].split("\n")
        if kind == "grammar":
            rules.update(_json("\n".join(line for line in lines if not line.lstrip().startswith("#"))))
    return rules, actions


def _json(text: str) -> dict[str, Any]:
    """Symbol → productions, each with `rhs` and perhaps `condition`."""
    data = json.loads(text)
    if not isinstance(data, dict) or not all(isinstance(productions, list) for productions in data.values()):
        raise ValueError("a grammar block that is no table of productions")
    for production in (p for productions in data.values() for p in productions):
        if not isinstance(production, dict) or not isinstance(production.get("rhs"), str):
            raise ValueError(f"a production without text: {production}")
        if not isinstance(production.get("condition", ""), str):
            raise ValueError(f"a production with an odd condition: {production}")
    return data


def _format(text: str, fields: str, symbol: str) -> str:
    """The right-hand side of a production as a format string over `fields`."""
    text = text.lstrip()  # the original's parser takes leading white space for a comment
    parts = re.split(r"(\[\{.*?\}\]|\{.*?\}|#.*?#)", text, flags=re.DOTALL)
    literals, expressions = parts[::2], [_spaces(part) for part in parts[1::2]]
    allowed = {"a", *(f"{{{name}}}" for name in fields.split())}
    for literal in literals:
        if _SPECIAL.search(literal) or literal.startswith("//"):
            raise unsupported(f"{literal!r} in the grammar's {symbol!r}")
    for expression in expressions:
        if _HOLES.get(expression) not in allowed:
            raise unsupported(f"{expression!r} in the grammar's {symbol!r}")
    filled = [_HOLES[expression] for expression in expressions]
    return "".join(a + b for a, b in zip(literals, [*filled, ""], strict=True))


def _object_rules(rules: Mapping[str, list[dict[str, str]]], feedback: str) -> tuple[Rule, ...]:
    symbol = feedback.strip("#")
    result = []
    for production in rules.get(symbol, ()):
        facts = tuple(re.findall(r"(\w+)\(o:object\)", production.get("condition", "")))
        if " & ".join(f"{fact}(o:object)" for fact in facts) != _spaces(production.get("condition", "")):
            raise unsupported(f"the conditions of the grammar's {symbol!r}")
        if not all(fact in _STATES or fact in _NEVER_DENIED for fact in facts):
            raise unsupported(f"the conditions of the grammar's {symbol!r}")
        fields = "o objects" if facts == ("isreceptacleobject",) else "o"
        if not any(fact in _NEVER_DENIED for fact in facts):
            result.append((facts, _format(production["rhs"], fields, symbol)))
    if not result or result[-1][0]:
        raise unsupported(f"the grammar's {symbol!r}, which lacks a last production without condition")
    return tuple(result)


def _spaces(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip())
