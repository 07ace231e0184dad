"""OSWorld's metrics that need no more than the standard library, by its names and with its options.

A result is what the getter gave: the content of a file in bytes, else text, a list or a mapping. Each metric returns a
score in [0, 1].
"""

from __future__ import annotations

import csv
import difflib
import inspect
import io
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from agentrl.envs.gui.desktop.view import NAMESPACES
from agentrl.errors import UnsupportedTaskError

Rules = Mapping[str, Any]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def exact_match(result: Any, rules: Rules) -> float:
    return float(result == rules["expected"])


def match_in_list(result: Any, rules: Rules) -> float:
    return float(result in rules["expected"])


def is_in_list(result: Any, rules: Rules) -> float:
    return float(rules["expected"] in result)


def literal_match(result: Any, expected: Any, type: str = "str", ignore_case: bool = False) -> float:  # noqa: A002 - OSWorld's name
    def plain(value: Any) -> str:
        return str(value).lower() if ignore_case else str(value)

    if type == "str":
        return float(plain(result) == plain(expected))
    both = isinstance(result, list | tuple) and isinstance(expected, list | tuple)
    return float(both and [plain(item) for item in result] == [plain(item) for item in expected])


def check_include_exclude(result: Any, rules: Rules) -> float:
    text = _text(result)
    included = all(part in text for part in rules.get("include", []))
    return float(included and not any(part in text for part in rules.get("exclude", [])))


def check_list(result: bytes, rules: Rules) -> float:
    """Whether every expected pattern fits some line, and no unexpected one fits any."""
    lines = _text(result).splitlines()

    def fits(pattern: str) -> bool:
        return any(re.search(pattern, line) for line in lines)

    return float(all(map(fits, rules.get("expect", []))) and not any(map(fits, rules.get("unexpect", []))))


def check_csv(result: bytes, rules: Rules) -> float:
    """Whether every expected row, given by some of its columns, is there, and no unexpected one is."""
    try:
        rows = list(csv.DictReader(io.StringIO(_text(result))))
    except csv.Error:
        return 0.0

    def there(wanted: Rules) -> bool:
        return any(all(row.get(key) == value for key, value in wanted.items()) for row in rows)

    return float(all(map(there, rules.get("expect", []))) and not any(map(there, rules.get("unexpect", []))))


def check_json(result: bytes, rules: Rules) -> float:
    """Whether the values at some places of a JSON document keep rules: `{"key": [...], "method": "eq", "ref": ...}`."""
    try:
        document = json.loads(_text(result))
    except (ValueError, RecursionError):
        return 0.0

    def holds(rule: Rules) -> bool:
        value = document
        try:
            for key in rule["key"]:
                value = value[key]
            return bool(_METHODS[rule["method"]](value, rule["ref"]))
        except (LookupError, TypeError):
            return False  # the document has another form

    return float(all(map(holds, rules.get("expect", []))) and not any(map(holds, rules.get("unexpect", []))))


def _pattern(value: Any, reference: str) -> bool:
    return re.search(reference, str(value)) is not None


_METHODS: Mapping[str, Callable[[Any, Any], Any]] = {
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "re": _pattern,
    "in": lambda value, reference: value in reference,
    "contains": operator.contains,
}


def compare_text_file(actual: bytes, expected: bytes, ignore_blanks: bool = False, ignore_case: bool = False) -> float:
    def plain(content: bytes) -> str:
        text = _text(content)
        text = " ".join(text.split()) if ignore_blanks else text
        return text.lower() if ignore_case else text

    return float(plain(actual) == plain(expected))


def compare_csv(result: bytes, expected: bytes, strict: bool = True, ignore_case: bool = False) -> float:
    def lines(content: bytes) -> list[str]:
        text = _text(content).lower() if ignore_case else _text(content)
        return text.splitlines() if strict else [line.strip() for line in text.splitlines()]

    return float(lines(result) == lines(expected))


def compare_config(actual: bytes, rules: Rules) -> float:
    return float(_text(actual) == rules["expected"])


def compare_answer(actual: Any, rules: Rules) -> float:
    return float(_text(actual) == rules["expected"])


def diff_text_file(result: bytes, expect: bytes) -> float:
    """How much of two texts is the same, by lines."""
    return difflib.SequenceMatcher(None, _text(result).splitlines(), _text(expect).splitlines()).ratio()


def file_contains(result: bytes, rules: Rules) -> float:
    text = _text(result)
    return float(all(part in text for part in rules["expected"]))


def check_direct_json_object(result: Any, rules: Rules) -> float:
    try:
        found = json.loads(_text(result)) if isinstance(result, str | bytes) else result
    except (ValueError, RecursionError):
        return 0.0
    return float(isinstance(found, dict) and all(found.get(k) == v for k, v in rules["expected"].items()))


def check_accessibility_tree(result: str, rules: Sequence[Rules]) -> float:
    """Whether each XPath, in the part of the language that the standard library has, finds an element with the text."""
    root = ElementTree.fromstring(result)
    for rule in rules:
        found = root.findall("." + rule["xpath"].removeprefix("."), NAMESPACES)
        if not any("text" not in rule or (element.text or "") == rule["text"] for element in found):
            return 0.0
    return 1.0


METRICS: Mapping[str, Callable[..., float]] = {
    metric.__name__: metric
    for metric in (
        check_accessibility_tree,
        check_csv,
        check_direct_json_object,
        check_include_exclude,
        check_json,
        check_list,
        compare_answer,
        compare_config,
        compare_csv,
        compare_text_file,
        diff_text_file,
        exact_match,
        file_contains,
        is_in_list,
        literal_match,
        match_in_list,
    )
}


def examine(name: str, rules: Any) -> None:
    """See beforehand that a metric can use its rules.

    Raises:
        UnsupportedTaskError: it cannot; the message names what is missing.
    """
    if "rules" not in inspect.signature(METRICS[name]).parameters:
        return
    kind = "list" if name == "check_accessibility_tree" else "dict"
    if type(rules).__name__ != kind:
        raise UnsupportedTaskError(f"the rules of {name} are a {kind}, not {rules!r:.40}")
    if name == "check_list":
        for pattern in [*rules.get("expect", []), *rules.get("unexpect", [])]:
            try:
                re.compile(pattern)
            except re.error as error:
                raise UnsupportedTaskError(f"{pattern!r} is no pattern: {error}") from error
    if name == "check_json":
        for rule in [*rules.get("expect", []), *rules.get("unexpect", [])]:
            if rule.get("method") not in _METHODS:
                raise UnsupportedTaskError(f"check_json knows no method {rule.get('method')!r}, only {list(_METHODS)}")
    if name == "check_accessibility_tree":
        for rule in rules:
            if "xpath" not in rule or not rule.get("exact", True):
                raise UnsupportedTaskError("check_accessibility_tree takes an xpath and an exact text, no selectors")
            try:
                ElementTree.Element("x").findall("." + rule["xpath"].removeprefix("."), NAMESPACES)
            except (SyntaxError, KeyError) as error:
                raise UnsupportedTaskError(f"the xpath {rule['xpath']!r} is beyond the standard library's") from error
