"""What host and agent say to each other.

    frame = length of header (4 bytes) | length of body (4 bytes) | header (JSON object) | body

A request has an `id` and an `op`, its answer the same `id`; answers come in any order. The agent's first frame, with
the id 0, says that it is ready.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, Dict, Tuple  # noqa: UP035 - Python 3.8

Header = Dict[str, Any]  # noqa: UP006
Frame = Tuple[Header, bytes]  # noqa: UP006

CHUNK = 1 << 20
"""Bytes of a file or stream in one frame."""

_LENGTHS = struct.Struct("!II")
_MAX_HEADER = 1 << 20
_MAX_BODY = 130 << 20


def encode(header: Header, body: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


class Decoder:
    """Frames out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes.

        Raises:
            ValueError: this is no stream of frames.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            head, body = _LENGTHS.unpack_from(self._buffer)
            if head > _MAX_HEADER or body > _MAX_BODY:
                raise ValueError(f"a frame of {head} + {body} bytes")
            start, end = _LENGTHS.size + head, _LENGTHS.size + head + body
            if len(self._buffer) < end:
                return
            header = json.loads(bytes(self._buffer[_LENGTHS.size : start]))
            if not isinstance(header, dict):
                raise ValueError("a header that is no object")
            content = bytes(self._buffer[start:end])
            del self._buffer[:end]
            yield header, content
