"""Templates with named places and filters: `Dear {name|title}, you owe {sum|default:nothing}.`"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textkit.words import slugify, title_case
from textkit.wrapping import truncate


class TemplateError(ValueError):
    """A template that cannot be filled; the message says where."""


_FILTERS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": title_case,
    "slug": slugify,
    "strip": str.strip,
}


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with each `{name}` replaced; `{{` and `}}` are braces.

    Filters are applied from left to right: upper, lower, title, slug, strip, `cut:20`, `default:text`.

    Raises:
        TemplateError: a value is missing, a filter is unknown, or a brace is alone.
    """
    made = []
    at = 0
    while at < len(template):
        char = template[at]
        if template[at : at + 2] in ("{{", "}}"):
            made.append(char)
            at += 2
        elif char == "}":
            raise TemplateError(f"a closing brace is alone at {at}")
        elif char == "{":
            end = template.find("}", at)
            if end < 0:
                raise TemplateError(f"the brace at {at} is not closed")
            made.append(_value(template[at + 1 : end], values))
            at = end + 1
        else:
            made.append(char)
            at += 1
    return "".join(made)


def _value(place: str, values: Mapping[str, object]) -> str:
    name, *filters = place.split("|")
    found = values.get(name.strip())
    text = None if found is None else str(found)
    for entry in filters:
        kind, _, argument = entry.strip().partition(":")
        if kind == "default":
            text = text or argument
        elif text is None:
            break
        elif kind == "cut":
            text = truncate(text, int(argument))
        elif kind in _FILTERS:
            text = _FILTERS[kind](text)
        else:
            raise TemplateError(f"there is no filter {kind!r}")
    if text is None:
        raise TemplateError(f"no value for {name.strip()!r}")
    return text
