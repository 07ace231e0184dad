"""`agentrl bench tournaments`, small."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from agentrl.agents.arena.fidelity import kendall, top
from agentrl.cli.app import app
from agentrl.cli.errors import exit_code


def said(*arguments: str) -> str:
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, ["bench", "tournaments", *arguments]) == 0
    return out.getvalue()


def test_single_elimination_is_near_round_robin_for_a_fraction_of_the_comparisons() -> None:
    rows = json.loads(said("--players", "16", "--noise", "0", "--noise", "0.25", "--seeds", "20", "--json"))
    found = {(row["noise"], row["topology"]): row for row in rows}
    assert len(found) == 10
    for noise in (0.0, 0.25):
        everybody, single = found[noise, "round_robin"], found[noise, "single_elimination"]
        assert everybody["tau_round_robin"] == everybody["top_round_robin"] == 1.0
        assert everybody["comparisons"] == 120
        assert single["comparisons"] <= single["most"] == 30
        assert single["tau_round_robin"] > 0.85
        assert single["top_round_robin"] >= 0.9
    assert all(found[0.0, topology]["top_latent"] == 1.0 for _, topology in found)
    assert found[0.25, "round_robin"]["tau_latent"] < found[0.0, "round_robin"]["tau_latent"] == 1.0


def test_the_table_is_markdown() -> None:
    lines = said("--players", "4", "--noise", "1", "--seeds", "2").splitlines()
    assert len(lines) == 2 + 5
    assert {line.count("|") for line in lines} == {9}
    assert "| 4 | 1 | round robin | 6.0 | 1.00 | 100% |" in lines[2]


@pytest.mark.parametrize(
    ("a", "b", "tau"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 4 / 6),
        ([1, 1, 2, 3], [1, 2, 3, 4], 5 / np.sqrt(5 * 6)),
        ([1, 1, 1, 1], [1, 2, 3, 4], 0.0),
    ],
)
def test_kendall(a: list[float], b: list[float], tau: float) -> None:
    assert kendall(np.array(a, float), np.array(b, float)) == pytest.approx(tau)


def test_top_shares_a_tie() -> None:
    assert top(np.array([2.0, 2.0, 1.0]), np.array([3.0, 1.0, 2.0])) == 0.5
    assert top(np.array([3.0, 2.0, 1.0]), np.array([3.0, 3.0, 2.0])) == 1.0
