"""Gymnasium spaces, and the values in them, as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from agentrl.envs.spaces import Unicode
from agentrl.errors import ConfigError


def describe(space: spaces.Space[Any]) -> dict[str, Any]:
    """A space as JSON; see PROTOCOL.md.

    Raises:
        ConfigError: it is of a kind that cannot travel.
    """
    match space:
        case Unicode():
            return {"type": "Unicode"}
        case spaces.Text():
            return {
                "type": "Text",
                "min_length": space.min_length,
                "max_length": space.max_length,
                "charset": space.characters,
            }
        case spaces.Discrete():
            return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
        case spaces.Box():
            low, high = _finite(space.low.tolist()), _finite(space.high.tolist())
            return {"type": "Box", "low": low, "high": high, "shape": space.shape, "dtype": str(space.dtype)}
        case spaces.MultiDiscrete():
            return {"type": "MultiDiscrete", "nvec": space.nvec.tolist(), "start": space.start.tolist()}
        case spaces.MultiBinary():
            return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.n)}
        case spaces.Tuple():
            return {"type": "Tuple", "spaces": [describe(s) for s in space.spaces]}
        case spaces.Dict():
            return {"type": "Dict", "spaces": {key: describe(s) for key, s in space.spaces.items()}}
    raise ConfigError(f"a {type(space).__name__} space cannot be served")


def to_json(space: spaces.Space[Any], value: Any) -> Any:
    """A value of the space as JSON. Infinite numbers are the strings "inf" and "-inf", which numpy reads."""
    match space:
        case spaces.Text():
            return value
        case spaces.Tuple():
            return [to_json(s, v) for s, v in zip(space.spaces, value, strict=True)]
        case spaces.Dict():
            return {key: to_json(s, value[key]) for key, s in space.spaces.items()}
        case spaces.Box():
            return _finite(np.asarray(value).tolist())
    return space.to_jsonable([value])[0]


def from_json(space: spaces.Space[Any], value: Any) -> Any:
    """The value of the space that was sent.

    Raises:
        ConfigError: it is not in the space.
    """
    try:
        found = _from_json(space, value)
        fits = space.contains(found)
    except (TypeError, ValueError, OverflowError, KeyError, AttributeError, IndexError):
        fits = False
    if not fits:
        raise ConfigError(f"action {str(value)[:80]!r} is not in {space}")
    return found


def _from_json(space: spaces.Space[Any], value: Any) -> Any:
    match space:
        case spaces.Text():
            return value
        case spaces.Discrete():
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError
            return int(value)
        case spaces.Tuple():
            return tuple(_from_json(s, v) for s, v in zip(space.spaces, value, strict=True))
        case spaces.Dict():
            if value.keys() != space.spaces.keys():
                raise KeyError
            return {key: _from_json(s, value[key]) for key, s in space.spaces.items()}
    return space.from_jsonable([value])[0]


def schema(space: spaces.Space[Any]) -> dict[str, Any]:
    """The JSON Schema of values of the space."""
    match space:
        case spaces.Text():
            return {"type": "string", "maxLength": space.max_length}
        case spaces.Discrete():
            start = int(space.start)
            return {"type": "integer", "minimum": start, "maximum": start + int(space.n) - 1}
        case spaces.Tuple():
            return {"type": "array", "prefixItems": [schema(s) for s in space.spaces]}
        case spaces.Dict():
            inner = {key: schema(s) for key, s in space.spaces.items()}
            return {"type": "object", "properties": inner, "required": list(inner)}
        case spaces.Box():
            found: dict[str, Any] = {"type": "integer" if np.issubdtype(space.dtype, np.integer) else "number"}
        case _:
            found = {"type": "integer"}
    for _ in space.shape or ():
        found = {"type": "array", "items": found}
    return found


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value if not isinstance(value, float) or np.isfinite(value) else str(value)
