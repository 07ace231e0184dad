"""What the tests of desktops have in common: desktops, and pictures of them."""

from __future__ import annotations

import struct
import zlib

from agentrl.envs.gui.desktop.events import Button, Event, Key, Move
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.errors import AgentRLError
from agentrl.sandboxes.images.catalog import IMAGES
from tests.conftest import lack


def need() -> None:
    """Skip where this machine has no desktops; in CI they must be there."""
    try:
        from agentrl.sandboxes.docker import DockerProvider

        client = DockerProvider().client
        missing = "" if client.images.list(IMAGES["desktop"].tag) else "no image: agentrl images build desktop"
        client.close()
    except AgentRLError as error:
        missing = str(error)
    if missing:
        lack(missing)


def pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and lines of RGB of a PNG file as `inside/screen.py` writes it."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        kind, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        (check,) = struct.unpack(">I", png[place + 8 + size : place + 12 + size])
        assert check == zlib.crc32(kind + data)
        chunks[kind] = data
        place += size + 12
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 2, 0, 0, 0]
    data = zlib.decompress(chunks[b"IDAT"])
    assert len(data) == height * (3 * width + 1)
    assert not any(data[:: 3 * width + 1])  # lines are as they are, without a filter
    return width, height, [data[i + 1 : i + 3 * width + 1] for i in range(0, len(data), 3 * width + 1)]


def click(x: int, y: int) -> list[Event]:
    return [Move(x, y), Button("left", True), Button("left", False)]


def chord(*names: str) -> list[Event]:
    """Keys pressed one after the other and let go in the other order."""
    return [*(Key(name, True) for name in names), *(Key(name, False) for name in reversed(names))]


async def clear(desktop: Desktop) -> None:
    """End all programs that have windows."""
    while windows := await desktop.windows():
        pids = {window.pid for window in windows} - {0}  # that of a window that goes just now
        await desktop.run("kill -9 " + " ".join(map(str, pids)), 10)
        await desktop.wait()
