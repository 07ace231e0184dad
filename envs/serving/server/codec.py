"""JSON, quickly, and with everything that an environment may say; bytes as base64."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
import numpy as np

from agentrl.errors import ConfigError

T = TypeVar("T")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"info has a {type(value).__name__}, which cannot travel as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(value: Any) -> bytes:
    """`value` as JSON in UTF-8.

    Raises:
        TypeError: something in it has no form in JSON.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # lone surrogates, which JSON writes as escapes
        return json.dumps(msgspec.to_builtins(value, enc_hook=_plain)).encode()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class Decoder(msgspec.Struct):
    """Reads JSON as one type."""

    kind: Any
    fast: Any

    @classmethod
    def of(cls, kind: Any) -> Decoder:
        return cls(kind, msgspec.json.Decoder(kind))

    def __call__(self, body: bytes | str) -> Any:
        """The value of `body`; an empty body is an empty object.

        Raises:
            ConfigError: it is no JSON, or does not fit; the message names the field.
        """
        try:
            return self.fast.decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise ConfigError(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._slow(body, error)

    def _slow(self, body: bytes | str, error: Exception) -> Any:
        """For lone surrogates, which Python's own parser takes and msgspec does not."""
        try:
            return msgspec.convert(json.loads(body, parse_constant=_no_constant), self.kind)
        except msgspec.ValidationError as mismatch:
            raise ConfigError(str(mismatch)) from None
        except (ValueError, RecursionError):
            raise ConfigError(f"the body is no JSON: {error}") from None
