"""Tasks in the spreadsheet."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar
from xml.etree import ElementTree

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import click, find, find_by, hotkey, press, write
from agentrl.envs.gui.desktop.tasks.base import COMMAND_S, HOME, Task
from agentrl.envs.gui.desktop.tasks.words import GOODS, Dice

T = TypeVar("T")
Value = str | int
Row = Sequence[Value]
_NAMESPACE = "http://www.gnumeric.org/v10.dtd"
_NUMBER, _STRING = "40", "60"
"""Types of values in Gnumeric's files."""


def workbook(rows: Sequence[Row]) -> bytes:
    """A file of Gnumeric's with one sheet."""

    def below(parent: ElementTree.Element, name: str, **attributes: str) -> ElementTree.Element:
        return ElementTree.SubElement(parent, f"{{{_NAMESPACE}}}{name}", attributes)

    ElementTree.register_namespace("gnm", _NAMESPACE)
    book = ElementTree.Element(f"{{{_NAMESPACE}}}Workbook")
    below(below(book, "SheetNameIndex"), "SheetName").text = "Sheet1"
    sheet = below(below(book, "Sheets"), "Sheet")
    below(sheet, "Name").text = "Sheet1"
    cells = below(sheet, "Cells")
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            kind = _STRING if isinstance(value, str) else _NUMBER
            below(cells, "Cell", Row=str(y), Col=str(x), ValueType=kind).text = str(value)
    return gzip.compress(ElementTree.tostring(book, "utf-8", xml_declaration=True), mtime=0)


async def table(desktop: Desktop, path: str) -> list[list[str]]:
    """What a spreadsheet shows from A1 on, formulas computed; nothing where there is no such spreadsheet."""
    done = await desktop.run(f"ssconvert --export-type=Gnumeric_stf:stf_csv {path} fd://1", COMMAND_S)
    try:
        rows = list(csv.reader(io.StringIO(done.stdout.decode("utf-8", "replace"))))
    except csv.Error:
        return []  # a cell beyond all measure
    return _trimmed([_trimmed(row) for row in rows])


def _trimmed(items: list[T]) -> list[T]:
    """Without what is empty at the end."""
    return items[: max((number for number, item in enumerate(items, 1) if item), default=0)]


class _Sheet(Task):
    """A spreadsheet that is open shall have other values."""

    apps: Sequence[str] = ("gnumeric",)
    path: str
    rows: list[list[Value]]
    wanted: list[list[Value]]

    def open(self, dice: Dice, rows: list[list[Value]]) -> None:
        self.path = f"{HOME}/Documents/{dice.name()}.gnumeric"
        self.rows, self.wanted = rows, [list(row) for row in rows]
        self.files = {self.path: workbook(rows)}
        self.programs = [["gnumeric", self.path]]

    async def grade(self, desktop: Desktop) -> float:
        return float(await table(desktop, self.path) == [[str(value) for value in row] for row in self.wanted])


def go(x: int, y: int) -> str:
    """To a cell, from wherever one is in the sheet."""
    moves = [hotkey("ctrl", "home"), *([press("down", y)] if y else []), *([press("right", x)] if x else [])]
    return "; ".join(moves)


def goods(dice: Dice, count: int) -> list[list[Value]]:
    """Rows of goods, how many and at which price, with a head."""
    names = dice.sample(GOODS, count)
    rows: list[list[Value]] = [[name, dice.number(2, 60), dice.number(100, 999)] for name in names]
    return [["item", "number", "price"], *rows]


class SumColumn(_Sheet):
    template = "sum_column"

    def draw(self, dice: Dice) -> None:
        self.open(dice, goods(dice, dice.number(4, 9)))
        self.x = dice.number(1, 2)
        total = sum(int(row[self.x]) for row in self.rows[1:])
        self.wanted.append(["total", total])
        last = len(self.rows) + 1
        self.instruction = (
            f"In the spreadsheet {self.path}, which is open, write 'total' into cell A{last} and the sum of the column "
            f"{self.rows[0][self.x]!r} into cell B{last}. Save it."
        )

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        last, column = len(self.rows), "ABC"[self.x]
        yield go(0, last)
        yield write(f"total\t=sum({column}2:{column}{last})\n")
        yield hotkey("ctrl", "s")
        yield "DONE"


class CorrectCell(_Sheet):
    template = "correct_cell"

    def draw(self, dice: Dice) -> None:
        self.open(dice, goods(dice, dice.number(4, 9)))
        self.y, self.x = dice.number(1, len(self.rows) - 1), dice.number(1, 2)
        self.value = int(self.rows[self.y][self.x]) + dice.number(1, 9)
        self.wanted[self.y][self.x] = self.value
        self.instruction = (
            f"In the spreadsheet {self.path}, which is open, the {self.rows[0][self.x]} of {self.rows[self.y][0]} "
            f"shall be {self.value}. Correct it and save."
        )

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield go(self.x, self.y)
        yield write(f"{self.value}\n")
        yield hotkey("ctrl", "s")
        yield "DONE"


class SortRows(_Sheet):
    template = "sort_rows"

    def draw(self, dice: Dice) -> None:
        rows = goods(dice, dice.number(4, 9))
        while rows[1:] == sorted(rows[1:], key=lambda row: str(row[0])):
            rows = goods(dice, dice.number(4, 9))
        self.open(dice, rows)
        self.wanted[1:] = sorted(self.wanted[1:], key=lambda row: str(row[0]))
        self.instruction = (
            f"Sort the rows of the spreadsheet {self.path}, which is open, by item from A to Z. The head stays at the "
            "top. Save it."
        )

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield go(0, 1)
        yield hotkey("ctrl", "shift", "end")
        yield click(await find(desktop, "push button", "Sort Ascending"))
        yield hotkey("ctrl", "s")
        yield "DONE"


class CopyIntoSheet(_Sheet):
    template = "copy_into_sheet"
    apps = ("mousepad", "gnumeric")

    def draw(self, dice: Dice) -> None:
        rows = goods(dice, dice.number(3, 6))
        self.open(dice, [row[:2] for row in rows])
        self.wanted = rows
        note = f"{HOME}/Documents/{dice.name()}.txt"
        lines = dice.sample([f"{row[0]}: {row[2]}" for row in rows[1:]], len(rows) - 1)
        self.files = {**self.files, note: "\n".join(lines) + "\n"}
        self.programs = [["mousepad", note], *self.programs]
        self.instruction = (
            f"The prices of the goods are in {note}, which is open in the text editor. Write them into column C of the "
            f"spreadsheet {self.path}, below the head 'price' in C1, and save it."
        )

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        note = (await find_by(desktop, "note", lambda node: node.app == "mousepad" and node.role == "text")).text
        prices = dict(line.split(": ") for line in note.split("\n") if line)
        yield go(2, 0)
        yield write("\n".join(["price", *(prices[str(row[0])] for row in self.rows[1:])]) + "\n")
        yield hotkey("ctrl", "s")
        yield "DONE"
