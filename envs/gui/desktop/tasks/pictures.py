"""Tasks with the image viewer, for agents that see."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Callable

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import hotkey, write
from agentrl.envs.gui.desktop.tasks.base import HOME, Task, text
from agentrl.envs.gui.desktop.tasks.words import Dice

_SIDE = 96
"""Of a picture, in pixels."""
_COLOURS = {"red": (200, 30, 30), "green": (30, 150, 50), "blue": (40, 60, 200), "yellow": (230, 200, 30)}
_SHAPES: dict[str, Callable[[int, int], bool]] = {
    "circle": lambda x, y: x * x + y * y < 900,
    "square": lambda x, y: max(abs(x), abs(y)) < 28,
    "triangle": lambda x, y: abs(x) < (y + 30) / 2 and y < 30,
}
"""Whether a point belongs to it, seen from the middle of the picture."""


def picture(colour: str, shape: str) -> bytes:
    """A PNG of a shape on white."""
    inside, paint, half = _SHAPES[shape], bytes(_COLOURS[colour]), _SIDE // 2
    rows = (
        b"\0" + b"".join(paint if inside(x - half, y - half) else b"\xff\xff\xff" for x in range(_SIDE))
        for y in range(_SIDE)
    )
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(b"".join(rows)),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class FindPicture(Task):
    template = "find_picture"
    apps = ("ristretto", "mousepad")

    def draw(self, dice: Dice) -> None:
        folder, self.path = f"{HOME}/{dice.name()}", f"{HOME}/Documents/{dice.name()}.txt"
        motifs = dice.sample([(colour, shape) for colour in _COLOURS for shape in _SHAPES], dice.number(3, 5))
        names = [f"{dice.name()}.png" for _ in motifs]
        self.answer, (colour, shape) = names[0], motifs[0]
        files = {f"{folder}/{name}": picture(*motif) for name, motif in zip(names, motifs, strict=True)}
        self.files = {**files, self.path: ""}
        self.programs = [["ristretto", f"{folder}/{min(names)}"], ["mousepad", self.path]]
        self.instruction = (
            f"One of the pictures in {folder} shows a {colour} {shape}. Write its file name, without the folder, into "
            f"{self.path}, which is open in the text editor, and save it."
        )

    async def grade(self, desktop: Desktop) -> float:
        return float(await text(desktop, self.path) == self.answer)

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield write(self.answer)
        yield hotkey("ctrl", "s")
        yield "DONE"
