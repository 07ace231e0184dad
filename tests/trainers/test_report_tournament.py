"""Tournaments are drawn, not listed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentrl.errors import InfraError
from tests.conftest import require

require("torch")
require("matplotlib")

from agentrl.agents.arena.group import TOURNAMENT
from agentrl.agents.arena.record import Tournament
from agentrl.agents.arena.rewards import quantile_rewards
from agentrl.agents.arena.topologies import TOPOLOGIES, hold
from agentrl.trainers.report import write_report
from agentrl.trainers.report_tournament import WIDTH, Drawing, draw
from agentrl.trainers.runs import RunWriter
from agentrl.types import Group, Outcome, Task, Turn

PLAYERS = 16


def tournament(topology: str) -> Tournament:
    async def compare(i: int, j: int) -> tuple[float, float]:
        if {i, j} == {0, 5}:
            raise InfraError("no <verdict>")
        return i * 7 % 16, j * 7 % 16

    return asyncio.run(hold(topology, PLAYERS, compare, 1))


def drawn(topology: str) -> Drawing:
    found = tournament(topology)
    return draw(found, quantile_rewards(found.ranks), "a caption")


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_boxes_do_not_overlap_and_fit(topology: str) -> None:
    boxes = drawn(topology).boxes
    for k, a in enumerate(boxes):
        assert 0 <= a.x <= a.x + a.width <= drawn(topology).width
        assert 0 <= a.y <= a.y + a.height <= drawn(topology).height
        for b in boxes[:k]:
            apart = a.x >= b.x + b.width or b.x >= a.x + a.width or a.y >= b.y + b.height or b.y >= a.y + a.height
            assert apart, (a, b)


def test_the_winner_of_a_bracket_is_joined_to_its_next_match() -> None:
    drawing = drawn("single_elimination")
    assert [text for _, text in drawing.headings] == [
        "seeding 1",
        "round 2",
        "round 3",
        "round 4",
        "round 5",
        "rank and reward",
    ]
    assert len(drawing.paths) == 14  # two into each match after the first round: 8 + 4 + 2
    matches = [box for box in drawing.boxes if len(box.lines) == 2]
    assert len(matches) == 15
    for x1, y1, x2, y2 in drawing.paths:
        (source,) = [box for box in matches if (box.x + WIDTH, box.middle) == (x1, y1)]
        (target,) = [box for box in matches if (box.x, box.middle) == (x2, y2)]
        (winner,) = [line.name for line in source.lines if line.state == "won"]
        assert winner in {line.name for line in target.lines}


def test_a_failed_comparison_is_shown_as_one() -> None:
    drawing = drawn("anchor")
    (failed,) = [box for box in drawing.boxes if "no <verdict>" in box.hint]
    assert [line.state for line in failed.lines] == ["failed", "failed"]
    assert drawing.boxes[-1].lines[-1].value == "no rank"


def test_a_report_has_the_tournament_of_the_last_step(tmp_path: Path) -> None:
    found = tournament("single_elimination")
    note = found.to_json() | {"rewards": quantile_rewards(found.ranks), "judge_agreement": 0.9, "position_bias": 0.1}
    turn = Turn(None, [1], [2], [-0.1], [0], "Hello.", "go", {"arena": 1.0}, Outcome.terminated(success=True))
    group = Group(Task("Travel-v0", "day/<1>"), [turn], notes={TOURNAMENT: note})
    with RunWriter.create(tmp_path / "r", "seed = 0\n") as run:
        run.log(1, {"rl/success": 0.5})
        run.save_rollouts(1, [Group(group.task, [turn])], [[0.0]])
        assert "A tournament" not in write_report(tmp_path / "r").read_text()
        run.save_rollouts(2, [Group(group.task, [turn]), group], [[0.0], [0.0]])
    html = write_report(tmp_path / "r").read_text()
    assert "<h2>A tournament: single elimination</h2>" in html
    assert "day/&lt;1&gt; · step 2 · 16 rollouts" in html
    (svg,) = re.findall(r'<svg [^>]*class="tournament".*?</svg>', html, re.DOTALL)
    texts = [element.text for element in ElementTree.fromstring(svg) if element.tag == "text"]
    assert texts[0] == "seeding 1"
    assert "not judged: no &lt;verdict&gt;" in svg or "no &lt;verdict&gt;" not in html
