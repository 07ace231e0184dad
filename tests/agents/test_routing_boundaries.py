"""What boundaries say of a task: difficulty, normalised cost, and the reference episodes of credit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.agents.routing.boundaries import Boundary, Runs
from agentrl.types import Outcome, Turn


def boundary(small: float, large: float, low: float = 1.0, high: float = 5.0, threshold: float = 0.5) -> Boundary:
    return Boundary("t", Runs(small, low, {"outcome": small}), Runs(large, high, {"outcome": large}), threshold)


@pytest.mark.parametrize(
    ("small", "large", "threshold", "difficulty"),
    [
        (1.0, 1.0, 0.5, "easy"),
        (0.6, 0.0, 0.5, "easy"),
        (0.5, 0.6, 0.5, "hard"),  # half is no majority
        (0.4, 0.6, 0.5, "hard"),
        (0.4, 0.4, 0.5, "intractable"),
        (0.0, 0.5, 0.5, "intractable"),
        (0.2, 0.2, 0.0, "easy"),
        (0.0, 0.2, 0.0, "hard"),
        (0.8, 1.0, 0.9, "hard"),
    ],
)
def test_taxonomy(small: float, large: float, threshold: float, difficulty: str) -> None:
    assert boundary(small, large, threshold=threshold).difficulty == difficulty


@pytest.mark.parametrize(("cost", "excess"), [(0.0, 0.0), (1.0, 0.0), (2.0, 0.25), (4.0, 0.75), (5.0, 1.0), (9.0, 1.0)])
def test_normalised_cost(cost: float, excess: float) -> None:
    assert boundary(0, 1).excess(cost) == excess
    assert boundary(0, 1, low=5.0, high=1.0).excess(cost) == excess  # failing long costs more than succeeding fast


def test_ends_that_cost_the_same() -> None:
    same = boundary(0, 1, low=2.0, high=2.0)
    assert [same.excess(cost) for cost in (1.0, 2.0, 2.5)] == [0.0, 0.0, 1.0]


@given(*[st.floats(0, 1e3, allow_subnormal=False)] * 4)
def test_more_is_never_cheaper(low: float, high: float, one: float, other: float) -> None:
    found = boundary(0, 1, low, high)
    assert 0 <= found.excess(min(one, other)) <= found.excess(max(one, other)) <= 1


def test_reference_episodes() -> None:
    assert boundary(0.25, 0.75).anchors() == [
        {"outcome": 0.25, "hard": 0.25, "cost": 0.0},
        {"outcome": 0.75, "hard": 0.75, "cost": -1.0},
    ]
    assert [anchor["hard"] for anchor in boundary(0.75, 1.0).anchors()] == [0.0, 0.0]
    assert [anchor["hard"] for anchor in boundary(0.0, 0.25).anchors()] == [0.0, 0.0]


def test_they_survive_json() -> None:
    found = boundary(0.2, 0.8)
    assert Boundary.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_means_over_episodes() -> None:
    def episode(solved: bool, *dollars: float) -> list[Turn]:
        end = Outcome.terminated(success=solved)
        return [
            Turn(None, (), (), (), (), "", "", {"outcome": float(solved)}, end, cost={"money": paid})
            for paid in dollars
        ]

    found = Runs.of([episode(True, 1.0, 2.0), episode(False, 3.0)])
    assert found == Runs(0.5, 3.0, {"outcome": 1.0})
