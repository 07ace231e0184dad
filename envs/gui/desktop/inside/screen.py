"""The picture on the screen: Xvfb keeps it in a file, so that nothing has to be asked of the X server."""

from __future__ import annotations

import mmap
import struct
import zlib

_LEVEL = 1
"""Of compression: a screen is large areas of one colour."""


class Screen:
    """Frame buffer of a 24-bit screen, in XWD format, whose colours are four bytes each: blue, green, red, unused."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = struct.unpack(">25I", self._memory[:100])
        self.width, self.height, self._line = header[4], header[5], header[12]
        self._begin = header[0] + 12 * header[19]

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Red, green and blue of a place."""
        place = self._begin + y * self._line + 4 * x
        blue, green, red = self._memory[place : place + 3]
        return red, green, blue

    def png(self) -> bytes:
        """The screen as it is, mouse pointer included."""
        pixels = self._memory[self._begin : self._begin + self._line * self.height]
        rgb = bytearray(3 * self._line // 4 * self.height)
        for channel in range(3):
            rgb[channel::3] = pixels[2 - channel :: 4]
        stride, row = 3 * self._line // 4, 3 * self.width
        lines = memoryview(rgb)
        data = b"".join(part for y in range(self.height) for part in (b"\0", lines[y * stride : y * stride + row]))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        packed = zlib.compress(data, _LEVEL)
        return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, (b"IHDR", b"IDAT", b"IEND"), (head, packed, b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
