"""Gymnasium spaces, and the values in them, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from agentrl.envs.spaces import Unicode
from agentrl.errors import ConfigError


def space_of(about: Mapping[str, Any]) -> spaces.Space[Any]:
    """The space that a server describes.

    Raises:
        ConfigError: it is of a kind that does not travel.
    """
    match about["type"]:
        case "Unicode":
            return Unicode()
        case "Discrete":
            return spaces.Discrete(about["n"], start=about["start"])
        case "Box":
            dtype = np.dtype(about["dtype"]).type
            low, high = (np.asarray(about[end], dtype).reshape(about["shape"]) for end in ("low", "high"))
            return spaces.Box(low, high, dtype=dtype)
        case other:
            raise ConfigError(f"spaces of type {other} cannot be played over the wire")


def to_json(space: spaces.Space[Any], value: Any) -> Any:
    if isinstance(space, Unicode):
        if not isinstance(value, str):
            raise TypeError(f"an action is a str, not {type(value).__name__}: {value!r:.80}")
        return value
    return space.to_jsonable([value])[0]


def from_json(space: spaces.Space[Any], value: Any) -> Any:
    return value if isinstance(space, Unicode) else space.from_jsonable([value])[0]
