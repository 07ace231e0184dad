"""A lookahead tree as a drawing: where every branch stands, for the template of the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentrl.agents.loop import LOOKAHEAD
from agentrl.types import Group, total

WIDTH, ROW, TOP, LABEL = 560, 19, 24, 420
"""Pixels: of all steps, from branch to branch, above the first one, and for the words at the right."""
TICKS = 8
"""At most, along the top."""
SHOWN = 70
"""Characters of a leaf's words."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One row of the drawing; all numbers are pixels."""

    x: float
    end: float
    y: float
    parent_y: float | None
    fate: Literal["leaf", "pruned", "copy"]
    first: str
    """What it began with, where its parent went on otherwise."""
    label: str
    hint: str


@dataclass(slots=True)
class Drawing:
    """A tree, drawn from left to right."""

    title: str
    caption: str
    ticks: list[tuple[float, int]]
    branches: list[Branch] = field(default_factory=list)
    width: float = WIDTH + LABEL
    height: float = 0.0


def best_tree(steps: Iterable[tuple[int, Sequence[Group]]], text: Callable[[int], str]) -> Drawing | None:
    """The drawing of the tree with the most branches, of the first of these steps that has any; None without trees.

    Args:
        steps: step and its groups, the last step first.
        text: of a token.
    """
    for step, groups in steps:
        if searched := [group for group in groups if LOOKAHEAD in group.notes]:
            group = max(searched, key=lambda g: (len(g.notes[LOOKAHEAD]["branches"]), -(g.number or 0)))
            return draw(group, step, text)
    return None


def draw(group: Group, step: int, text: Callable[[int], str]) -> Drawing:
    """Every branch below the one that it came from, from its birth to its end; leaves say what became of them."""
    record: Mapping[str, Any] = group.notes[LOOKAHEAD]
    branches: Sequence[Mapping[str, Any]] = record["branches"]
    unit = "turns" if record["level"] == "turn" else "tokens"
    longest = max(max(b["length"] for b in branches), 1)
    scale = WIDTH / longest
    every = -(-longest // TICKS)
    drawing = Drawing(
        f"A lookahead tree of {unit}",
        f"{group.task.env_id}, {group.task.task_id} · step {step} · {record['leaves']} of {record['width']} places · "
        f"{record['branched']} branches, {record['pruned']} pruned · {record['tokens']} tokens sampled, "
        f"{record['wasted']} of them in vain, for rollouts of {record['returned']}",
        [(t * scale, t) for t in range(0, longest + 1, every)],
    )
    words = _words(group, record)
    places: dict[int, float] = {}
    for b in _in_order(branches):
        y = TOP + ROW * (len(places) + 0.5)
        places[b["number"]] = y
        first = b["action"] if "action" in b else None if b["token"] is None else text(b["token"])
        label, hint = words.get(b["number"], ("", ""))
        drawing.branches.append(
            Branch(
                b["born"] * scale,
                b["length"] * scale,
                y,
                None if b["parent"] is None else places[b["parent"]],
                b["fate"],
                first or "",
                label if b["fate"] != "pruned" else "pruned",
                hint,
            )
        )
    drawing.height = TOP + ROW * len(branches) + 4
    return drawing


def _in_order(branches: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Every branch after its parent, those of the latest birth first, so that few lines cross."""
    below: dict[int | None, list[Mapping[str, Any]]] = defaultdict(list)
    for b in branches:
        below[b["parent"]].append(b)
    found, stack = [], list(below[None])
    while stack:
        found.append(stack.pop())
        stack += sorted(below[found[-1]["number"]], key=lambda b: (b["born"], b["number"]))
    return found


def _words(group: Group, record: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    """Of each leaf by its number: reward and words, and all of the words. Rollouts from a tree are the first ones.

    Nothing where some were lost to infrastructure errors, as nobody knows which.
    """
    leaves = [b["number"] for b in record["branches"] if b["fate"] != "pruned"]
    paths = group.rollouts(with_infra_errors=True)
    if len(group.rollouts()) < len(paths):
        return {}
    words = {}
    for number, path in zip(leaves, paths, strict=False):
        turns = [group.turns[i] for i in path]
        said = " › ".join(" ".join(turn.action.split()) for turn in turns)
        short = said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"
        words[number] = (f"{total(turns, 'outcome'):g}  {short}", said)
    return words
