from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.credit import GAE, GRPO, assign
from agentrl.trainers.data import Row, make_rows, pad, per_turn, with_credit
from agentrl.types import Group, Outcome, Task, Turn
from tests.trainers.trees import chains, turn


@st.composite
def trees(draw: st.DrawFn) -> Group:
    """Any tree: every turn hangs below an earlier one or at the root; some leaves are infrastructure errors."""
    group = Group(Task("Test-v0", "0"))
    for i in range(draw(st.integers(1, 10))):
        parent = draw(st.sampled_from([None, *range(i)]))
        actions = draw(st.integers(0, 3))
        group.add(
            Turn(
                parent,
                prompt_ids=[100 * i + k for k in range(1, draw(st.integers(2, 4)))],
                action_ids=[100 * i + 50 + k for k in range(actions)],
                logprobs=[-(i + k / 10) for k in range(actions)],
                versions=[i] * actions,
                observation="",
                action="",
                rewards={"outcome": draw(st.sampled_from([0.0, 1.0]))},
                outcome=draw(st.sampled_from([Outcome.running(), Outcome.infra_error("lost")])),
            )
        )
    return group


def test_a_row_by_hand() -> None:
    group = Group(Task("Test-v0", "0"))
    first = group.add(Turn(None, [1, 2], [3], [-0.1], [4], "", "", {"outcome": 0.0}, Outcome.running()))
    group.add(Turn(first, [5], [6, 7], [-0.2, -0.3], [4, 5], "", "", {}, Outcome.terminated(success=True)))
    (row,) = make_rows([group])
    assert row.ids.tolist() == [1, 2, 3, 5, 6, 7]
    assert row.mask.tolist() == [False, False, True, False, True, True]
    np.testing.assert_allclose(row.logprobs, [0, 0, -0.1, 0, -0.2, -0.3], rtol=1e-6)
    assert row.versions.tolist() == [0, 0, 4, 0, 4, 5]
    assert len(row) == 6


@given(trees())
def test_every_judged_turn_is_trained_exactly_once(group) -> None:
    rows = make_rows([group])
    trained = sorted(span.turn for row in rows for span in row.spans)
    assert trained == sorted({i for path in group.rollouts() for i in path})
    for row in rows:
        assert row.mask.sum() == sum(span.stop - span.start for span in row.spans)
        for span in row.spans:
            assert row.ids[span.start : span.stop].tolist() == list(group.turns[span.turn].action_ids)


@given(trees())
def test_a_row_is_the_whole_path(group) -> None:
    for row, path in zip(make_rows([group]), group.rollouts(), strict=True):
        tokens = [t for i in path for t in [*group.turns[i].prompt_ids, *group.turns[i].action_ids]]
        assert row.ids.tolist() == tokens


@given(trees())
def test_advantages_reach_exactly_the_tokens_of_their_turn(group) -> None:
    groups = [group, chains([1.0], [0.0])]
    credited = assign(groups, GRPO(std=False), {"outcome": 1.0})
    rows = with_credit(make_rows(groups), credited)
    for row in rows:
        assert not row.advantages[~row.mask].any()
        for span in row.spans:
            np.testing.assert_allclose(
                row.advantages[span.start : span.stop], credited[row.group].advantages[span.turn], rtol=1e-6
            )


@given(trees())
def test_per_turn_undoes_rows(group) -> None:
    rows = make_rows([group])
    (turns,) = per_turn([group], rows, [row.logprobs for row in rows])
    live = {i for path in group.rollouts() for i in path}
    for i, (node, array) in enumerate(zip(group.turns, turns, strict=True)):
        np.testing.assert_allclose(array, node.logprobs if i in live else np.zeros(len(node.action_ids)), rtol=1e-6)


def test_critic_targets_and_old_values_travel_with_the_row() -> None:
    groups = [chains([1.0])]
    rows = make_rows(groups)
    values = [np.where(row.mask, 0.5, 0).astype(np.float32) for row in rows]
    credited = assign(groups, GAE(whiten=False), {"outcome": 1.0}, values=per_turn(groups, rows, values))
    (row,) = with_credit(rows, credited, values)
    assert row.returns is not None
    assert row.values is not None
    np.testing.assert_allclose(row.returns[row.mask], [1, 1])
    np.testing.assert_allclose(row.advantages[row.mask], [0.5, 0.5])
    np.testing.assert_allclose(row.values[row.mask], [0.5, 0.5])


def test_a_rollout_lost_to_infrastructure_makes_no_row() -> None:
    group = chains([1.0])
    group.add(turn(None, outcome=Outcome.infra_error("lost")))
    assert len(make_rows([group])) == 1


def test_an_action_without_context_is_refused() -> None:
    group = Group(Task("Test-v0", "0"))
    group.add(turn(None, prompt=0))
    with pytest.raises(ValueError, match="no prompt"):
        make_rows([group])


def test_pad() -> None:
    assert pad([np.array([1, 2]), np.array([3])], 3).tolist() == [[1, 2, 0], [3, 0, 0]]


def test_rows_of_several_groups_know_their_group() -> None:
    rows: list[Row] = make_rows([chains([1.0], [0.0]), chains([1.0])])
    assert [row.group for row in rows] == [0, 0, 1]
