"""Routes are drawn with their prices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentrl.config import Price
from agentrl.types import Group, Outcome, Task, Turn
from tests.conftest import require

require("torch")
require("matplotlib")

from agentrl.trainers.report import write_report
from agentrl.trainers.report_routes import CELL, CELLS, CURVE, draw
from agentrl.trainers.runs import RunWriter

PRICES = {"small": 0.0005, "large": 0.004}
ROUTER = Price(input=1.0, output=2.0)
OWN = {"prompt_tokens": 100, "cached_tokens": 0, "completion_tokens": 10}


def route(actors: Sequence[str], *, solved: bool = True, own: float = 0.0) -> list[Turn]:
    """Turns of these actors; `own` is what the router's tokens cost in each."""
    turns = []
    for i, actor in enumerate(actors):
        last = i == len(actors) - 1
        outcome = Outcome.terminated(success=solved) if last else Outcome.running()
        turn = Turn(i - 1 if i else None, [1], [2], [-0.1], [0], "Hello.", actor, {"outcome": 0.0}, outcome)
        turn.actor, turn.cost = actor, {**OWN, "money": PRICES[actor] + own}
        turn.feedback = f"{actor}> open <door> {i}\nIt opens."
        turns.append(turn)
    return turns


def test_cells_have_the_colour_and_the_price_of_who_acted() -> None:
    cheap, dear = route(["small"] * 4), route(["large", "small", "large"], solved=False)
    drawing = draw({"test": [("a", cheap), ("b", dear)]}, Price(), None)
    colours = {name: colour for _, colour, name in drawing.legend}
    assert list(colours) == ["small", "large"]  # the cheapest first
    first, second = drawing.routes
    assert [cell.colour for cell in second.cells] == [colours[name] for name in ("large", "small", "large")]
    assert [cell.price for cell in second.cells] == ["4", "0.5", "4"]
    assert "1,000 m$ are a dollar" in drawing.caption
    assert second.cells[1].hint == "turn 2: small, 0.5 m$, 4.5 so far · small> open <door> 1"
    assert (first.words, first.sum, first.solved) == ("solved", "2 m$", True)
    assert (second.words, second.sum, second.solved) == ("failed", "8.5 m$", False)


def test_the_running_total_rises_to_the_budget_and_not_over_it() -> None:
    turns = route(["large", "large"])
    (drawn,) = draw({"test": [("a", turns)]}, Price(), 0.008).routes
    heights = [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", drawn.total)]
    floor = drawn.y + CELL + CURVE
    assert heights == [floor, pytest.approx(floor - CURVE / 2), pytest.approx(floor - CURVE)]
    assert drawn.budget_y == pytest.approx(floor - CURVE)
    assert drawn.sum == "8 of 8 m$"
    (half,) = draw({"test": [("a", turns[:1])]}, Price(), 0.008).routes
    assert half.total.endswith(f"{floor - CURVE / 2:.2f}")


def test_what_the_router_itself_costs_is_left_out() -> None:
    own = ROUTER.money(OWN)
    assert own > 0
    with_it = draw({"test": [("a", route(["small", "large"], own=own))]}, ROUTER, 0.01)
    assert with_it.routes == draw({"test": [("a", route(["small", "large"]))]}, Price(), 0.01).routes


@pytest.mark.parametrize("turns", [1, 7, 50])
def test_routes_do_not_overlap_and_fit(turns: int) -> None:
    drawing = draw({"a": [("x" * 99, route(["small"] * turns))] * 3, "b": [("y", route(["large"]))]}, Price(), None)
    assert drawing.right - drawing.left <= CELLS
    for above, below in zip(drawing.routes, drawing.routes[1:], strict=False):
        assert above.y + CELL + CURVE <= below.y
    assert drawing.routes[-1].y + CELL + CURVE <= drawing.height
    for drawn in drawing.routes:
        assert [cell.x for cell in drawn.cells] == sorted({cell.x for cell in drawn.cells})
        assert drawn.cells[-1].x + drawing.cell <= drawing.right + 1e-6
        assert all(bool(cell.price) == (turns < 50) for cell in drawn.cells)


def chain(group: Group, turns: Sequence[Turn]) -> None:
    shift = len(group.turns)
    for turn in turns:
        turn.parent = None if turn.parent is None else turn.parent + shift
        group.add(turn)


def test_a_report_has_routes_of_the_last_step_and_the_last_measurement(tmp_path: Path) -> None:
    plain = Group(
        Task("T-v0", "0"), [Turn(None, [1], [2], [-0.1], [0], "", "go", {}, Outcome.terminated(success=True))]
    )
    alike, varied = Group(Task("T-v0", "train/1")), Group(Task("T-v0", "train/<2>"))
    for _ in range(2):
        chain(alike, route(["small", "small"]))
    for actors in (["small", "large"], ["large", "small"], ["small", "large"]):
        chain(varied, route(actors))
    tests = []
    for n in range(1, 10):
        tests.append(Group(Task("T-v0", f"test/{n}")))
        chain(tests[-1], route(["small"] * n))
    with RunWriter.create(tmp_path / "r", "[routing]\nbudget = 0.006\n") as run:
        run.log(1, {"rl/success": 0.5})
        run.save_rollouts(1, [plain])
        assert "<h2>Routes</h2>" not in write_report(tmp_path / "r").read_text()
        run.save_rollouts(2, [alike, varied])
        run.save_rollouts(2, tests, purpose="test")
    html = write_report(tmp_path / "r").read_text()
    (svg,) = re.findall(r'<svg [^>]*class="routes".*?</svg>', html, re.DOTALL)
    texts = [element.text for element in ElementTree.fromstring(svg) if element.tag == "text"]
    assert texts[:4] == ["small", "large", "test, step 2", "RL, step 2"]
    assert [text for text in texts if text and text.startswith("test/")] == [f"test/{n}" for n in (1, 3, 5, 7, 9)]
    assert texts.count("train/<2>") == 2  # one of each route of the group with the most
    assert "train/1" not in texts
    assert svg.count('class="budget"') == 7
    assert "open &lt;door&gt;" in svg
