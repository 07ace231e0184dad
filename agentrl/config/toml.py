"""Reading single values as TOML, and writing tables."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from agentrl.errors import ConfigError


def assign(data: dict[str, Any], keys: list[str], value: Any, item: str) -> None:
    """Put a value at a path of keys; `item` is how the user wrote it.

    Raises:
        ConfigError: a key on the way is no table.
    """
    for key in keys[:-1]:
        inner = data.setdefault(key, {})
        if isinstance(inner, str) and key == "model":
            inner = data[key] = {"path": inner}
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {item}: {key} is a value, not a table")
        data = inner
    data[keys[-1]] = value


def parse_value(text: str) -> Any:
    """A TOML value; text that is none is a bare string, so that shells need no second pair of quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def table(name: str, values: Mapping[str, Any]) -> list[str]:
    """The lines of a table and those within it."""
    lines, inner = ["", f"[{name}]"], []
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner += table(f"{name}.{_key(key)}", value)
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + inner


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")  # JSON's strings are TOML's but for this


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)
