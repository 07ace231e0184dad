"""`agentrl bench score`, small."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from tests.conftest import require

for component in ("torch", "transformers", "bm25s"):
    require(component)


def test_scores_cost_a_part_of_the_step_and_are_exact() -> None:
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, ["bench", "score", "--tasks", "2", "--group", "2", "--turns", "4", "--json"]) == 0
    found = json.loads(out.getvalue())
    assert (found["rollouts"], found["turns"]) == (4, 4.0)
    assert found["largest_difference"] < 1e-5
    assert found["share"] == pytest.approx(4 * found["per_rollout_s"]["cached"] / found["step_s"])
    assert 0 < found["share"] < 0.5
