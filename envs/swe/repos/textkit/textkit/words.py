"""Words and identifiers."""

from __future__ import annotations

import unicodedata

SMALL_WORDS = frozenset({"a", "an", "and", "at", "but", "by", "for", "in", "of", "on", "or", "the", "to"})
"""Lower case within a title."""

_IRREGULAR = {"child": "children", "foot": "feet", "man": "men", "mouse": "mice", "person": "people"}


def split_words(text: str) -> list[str]:
    """The words of an identifier or of prose: `parseHTTPReply2` is `parse`, `HTTP`, `Reply`, `2`."""
    words: list[str] = []
    current = ""
    for index, char in enumerate(text):
        if not char.isalnum():
            if current:
                words.append(current)
            current = ""
            continue
        following = text[index + 1] if index + 1 < len(text) else ""
        if current and _begins_word(current[-1], char, following):
            words.append(current)
            current = ""
        current += char
    if current:
        words.append(current)
    return words


def _begins_word(before: str, char: str, after: str) -> bool:
    if before.isdigit() != char.isdigit():
        return True
    if char.isupper():
        return before.islower() or after.islower()
    return False


def snake_case(text: str) -> str:
    """`parseReply` as `parse_reply`."""
    return "_".join(word.lower() for word in split_words(text))


def camel_case(text: str, *, upper: bool = False) -> str:
    """`parse_reply` as `parseReply`, or with `upper` as `ParseReply`."""
    words = [word.capitalize() for word in split_words(text)]
    if words and not upper:
        words[0] = words[0].lower()
    return "".join(words)


def title_case(text: str) -> str:
    """Every word with a capital, small words only where they are first or last."""
    words = text.split()
    made = []
    for index, word in enumerate(words):
        inner = 0 < index < len(words) - 1
        if inner and word.lower() in SMALL_WORDS:
            made.append(word.lower())
        else:
            made.append(word[0].upper() + word[1:])
    return " ".join(made)


def slugify(text: str, *, limit: int | None = None) -> str:
    """Lower-case ASCII letters and digits, joined by hyphens; whole words only, up to `limit` characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = "".join(char if char.isalnum() else " " for char in plain.replace("'", "")).split()
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if limit is not None and len(longer) > limit:
            break
        slug = longer
    return slug


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th` …"""
    if abs(number) % 100 in (11, 12, 13):
        return f"{number}th"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(abs(number) % 10, "th")
    return f"{number}{suffix}"


def plural(word: str, count: int = 2) -> str:
    """The English word for `count` of them."""
    if abs(count) == 1:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + "s"
