"""Tables in plain text and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class Column:
    """How a column looks."""

    title: str
    align: Align = "left"
    width: int | None = None
    """Characters; None is as wide as its longest cell. Longer cells are cut."""


def render_plain(columns: Sequence[Column], rows: Sequence[Sequence[object]], *, gap: int = 2) -> str:
    """Columns with spaces between them and a line below the titles.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """
    cells = _cells(columns, rows)
    widths = _widths(columns, cells)
    lines = [_line(columns, widths, [column.title for column in columns], gap)]
    lines.append((" " * gap).join("-" * width for width in widths))
    lines.extend(_line(columns, widths, row, gap) for row in cells)
    return "\n".join(lines)


def render_markdown(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> str:
    """As Markdown; bars within cells are escaped.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """
    rules = {"left": "---", "right": "--:", "center": ":-:"}
    lines = [[column.title for column in columns], [rules[column.align] for column in columns]]
    lines.extend([cell.replace("|", "\\|") for cell in row] for row in _cells(columns, rows))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def parse_markdown(text: str) -> tuple[list[Column], list[list[str]]]:
    """Columns and rows of a Markdown table.

    Raises:
        ValueError: it has no line of dashes below the titles, or rows of different length.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) < 2 or not all(set(rule) <= set(":-") and "-" in rule for rule in _split_row(lines[1])):
        raise ValueError("a table has titles and a line of dashes below them")
    columns = [
        Column(title, _alignment(rule)) for title, rule in zip(_split_row(lines[0]), _split_row(lines[1]), strict=True)
    ]
    rows = [_split_row(line) for line in lines[2:]]
    _cells(columns, rows)
    return columns, rows


def _alignment(rule: str) -> Align:
    if not rule.endswith(":"):
        return "left"
    return "center" if rule.startswith(":") else "right"


def _split_row(line: str) -> list[str]:
    body = line.removeprefix("|")
    if body.endswith("|") and not body.endswith("\\|"):
        body = body[:-1]
    cells = [""]
    for index, char in enumerate(body):
        escaped = index > 0 and body[index - 1] == "\\"
        if char == "|" and not escaped:
            cells.append("")
        elif char == "|":
            cells[-1] = cells[-1][:-1] + "|"
        else:
            cells[-1] += char
    return [cell.strip() for cell in cells]


def _cells(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[list[str]]:
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} cells, not {len(columns)}")
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


def _widths(columns: Sequence[Column], cells: list[list[str]]) -> list[int]:
    widths = []
    for index, column in enumerate(columns):
        longest = max([len(column.title), *(len(row[index]) for row in cells)])
        widths.append(longest if column.width is None else column.width)
    return widths


def _line(columns: Sequence[Column], widths: list[int], cells: list[str], gap: int) -> str:
    made = []
    for column, width, cell in zip(columns, widths, cells, strict=True):
        short = cell[:width]
        if column.align == "right":
            made.append(short.rjust(width))
        elif column.align == "center":
            left = (width - len(short)) // 2
            made.append(" " * left + short + " " * (width - len(short) - left))
        else:
            made.append(short.ljust(width))
    return (" " * gap).join(made).rstrip()
