"""What a server says of spaces and values, read back; `server.spaces` writes it."""

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
        case "Text":
            return spaces.Text(about["max_length"], min_length=about["min_length"], charset=about["charset"])
        case "Discrete":
            return spaces.Discrete(about["n"], start=about["start"])
        case "Box":
            dtype = np.dtype(about["dtype"]).type
            low, high = (np.asarray(about[end], dtype).reshape(about["shape"]) for end in ("low", "high"))
            return spaces.Box(low, high, dtype=dtype)
        case "MultiDiscrete":
            return spaces.MultiDiscrete(np.asarray(about["nvec"]), start=np.asarray(about["start"]))
        case "MultiBinary":
            return spaces.MultiBinary(about["n"])
        case "Tuple":
            return spaces.Tuple([space_of(inner) for inner in about["spaces"]])
        case "Dict":
            return spaces.Dict({key: space_of(inner) for key, inner in about["spaces"].items()})
        case other:
            raise ConfigError(f"a space of type {other!r} cannot be played over the wire")


def value_of(space: spaces.Space[Any], sent: Any) -> Any:
    """The value that was sent, whether or not it is in the space: here, as in process, the environment may err."""
    match space:
        case spaces.Text():
            return sent
        case spaces.Discrete():
            return np.int64(sent)
        case spaces.Tuple():
            return tuple(value_of(s, v) for s, v in zip(space.spaces, sent, strict=True))
        case spaces.Dict():
            return {key: value_of(s, sent[key]) for key, s in space.spaces.items()}
    return np.asarray(sent, space.dtype)
