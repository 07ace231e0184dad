"""Births, prunes and ends of lookahead trees, worked out by hand; and what holds of every tree."""

from __future__ import annotations

import numpy as np
import pytest

from agentrl.errors import ConfigError
from tests.conftest import require

require("rapidfuzz")

from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.agents.lookahead.options import PRESETS, SHARES, TokenOptions
from agentrl.agents.lookahead.similarity import common_suffix, edit_distance, rouge_l
from agentrl.agents.lookahead.tree import Branch, TokenTree, Top

END = 0


def top(**probabilities: float) -> Top:
    """`top(t5=0.5, t6=0.4)`: token 5 has probability 0.5, token 6 has 0.4."""
    return Top(tuple(int(name[1:]) for name in probabilities), tuple(probabilities.values()))


def sure(token: int) -> Top:
    return Top((token, 60), (0.9, 0.1))


def tokens(branches: list[Branch]) -> list[list[int]]:
    return [b.tokens for b in branches]


def hand_made(**changes: object) -> TokenTree:
    options = TokenOptions(**{"lookahead": (2,), "tau_ed": 0.6, **changes})  # type: ignore[arg-type]
    return TokenTree(3, options, [END], max_tokens=100)


def test_births_prunes_and_the_end_by_hand() -> None:
    """tau_abs 0.25, tau_rel 0.15, r = 2, tau_ed 0.6, k = 3."""
    tree = hand_made()
    trunk = tree.branches[0]

    growth = tree.step([top(t5=0.5, t6=0.4)])  # 0.4 > 0.25 and 0.1 < 0.15
    assert tokens(growth.born) == [[6]]
    first = growth.born[0]
    assert (first.parent, first.born, tokens(tree.live)) == (trunk, 0, [[5], [6]])

    # A gap of 0.15 is none below 0.15, and 0.25 none above 0.25; [6 7] differs from [5 7] in 1 of 2: 0.5 < 0.6.
    growth = tree.step([top(t7=0.45, t8=0.30), top(t7=0.35, t9=0.25)])
    assert growth.born == []
    assert growth.pruned == [first]
    assert tokens(tree.live) == [[5, 7]]

    growth = tree.step([top(t1=0.4, t2=0.3)])
    assert tokens(growth.born) == [[5, 7, 2]]
    second = growth.born[0]

    # Both would branch and there is room for one: 0.36 is more likely than 0.35. [2 8] and [1 3] differ in 2 of 2.
    growth = tree.step([top(t3=0.45, t4=0.35), top(t8=0.5, t9=0.36)])
    assert tokens(growth.born) == [[5, 7, 2, 9]]
    third = growth.born[0]
    assert third.parent is second
    assert tree.suppressed == 1
    assert growth.pruned == []

    growth = tree.step([sure(END), sure(5), sure(6)])  # [9 6] and [8 5] differ in 2 of 2
    assert (trunk.fate, growth.pruned, tree.grows) == ("over", [], True)
    assert tokens(tree.rows) == [[5, 7, 1, 3, 0], [5, 7, 2, 8, 5], [5, 7, 2, 9, 6]]

    # Full with 3 rows, one of which is over; the last birth was at 3, so all is settled beyond step 5.
    tree.step([sure(5), sure(6)])
    assert not tree.grows
    assert tree.pad() == []
    record = tree.record()
    counts = {key: record[key] for key in ("branched", "pruned", "suppressed", "copies", "tokens", "wasted", "steps")}
    # 5 of the trunk, 2 of the first branch, 4 of the second (from 2 to 6), 3 of the third.
    assert counts == {
        "branched": 3,
        "pruned": 1,
        "suppressed": 1,
        "copies": 0,
        "tokens": 5 + 2 + 4 + 3,
        "wasted": 2,
        "steps": 6,
    }
    first_branch = {"number": 1, "parent": 0, "born": 0, "length": 2, "fate": "pruned", "token": 6}
    assert record["branches"][1] == first_branch
    assert record["leaves"] == 3


def test_the_released_code_suppresses_by_rank_and_row() -> None:
    tree = hand_made(suppress="rank")
    tree.step([top(t1=0.4, t2=0.3)])
    growth = tree.step([top(t3=0.45, t4=0.35), top(t8=0.5, t9=0.36)])
    assert tokens(growth.born) == [[1, 4]]


def test_three_candidates() -> None:
    tree = hand_made(candidates=3)
    growth = tree.step([top(t1=0.36, t2=0.33, t3=0.3)])
    assert tokens(growth.born) == [[2], [3]]
    assert tokens(hand_made().step([top(t1=0.36, t2=0.33, t3=0.3)]).born) == [[2]]


def test_descendants_go_with_their_parents() -> None:
    tree = hand_made()
    tree.step([top(t1=0.5, t2=0.4)])
    growth = tree.step([sure(7), top(t7=0.5, t8=0.4)])
    # [2 7] is pruned beside [1 7], and [2 8], born at this very step, goes with it: no engine need ever have made it.
    assert tokens(growth.pruned) == [[2, 7]]
    assert growth.born == []
    assert tokens(tree.rows) == [[1, 7]]
    assert (tree.record()["branched"], tree.record()["pruned"], tree.record()["wasted"]) == (2, 2, 3)


def test_no_comparison_across_an_end() -> None:
    tree = hand_made()
    tree.step([top(t1=0.5, t2=0.4)])
    assert tree.step([sure(END), sure(END)]).pruned == []  # [2 0] beside [1 0] would be pruned by its distance
    assert not tree.grows
    assert tokens(tree.pad()) == [[1, END]]


def test_branches_beside_kept_tokens_stay() -> None:
    for kept, pruned in ((1, []), (2, [[2, 7]])):
        tree = TokenTree(3, TokenOptions(lookahead=(2,), tau_ed=0.6), [END], 100, {kept}.__contains__)
        tree.step([top(t1=0.5, t2=0.4)])
        assert tokens(tree.step([sure(7), sure(7)]).pruned) == pruned


def test_a_tree_that_never_fills_is_padded_with_copies_of_its_longest_row() -> None:
    tree = hand_made()
    tree.step([top(t1=0.5, t2=0.4)])
    tree.step([sure(END), sure(3)])
    while tree.grows:
        tree.step([sure(END)] if tree.steps == 4 else [sure(tree.steps)])
    (copy,) = tree.pad()
    assert copy.tokens == [2, 3, 2, 3, END]
    assert (copy.copy, copy.own, copy.fate) == (True, 0, "over")


def test_forced_exit_and_fullness() -> None:
    tree = TokenTree(8, TokenOptions(max_steps=5), [END], 100)
    while tree.grows:
        tree.step([sure(7)])
    assert tree.steps == 5
    assert [b.fate for b in tree.pad()] == ["live"] * 7
    # Seven of eight are enough once round(8 · (0.98 − 0.05 t / T)) is 7: beyond t = 0.85 T.
    tree = TokenTree(8, TokenOptions(lookahead=(2,), full_decay=0.9), [END], 100)
    tree.branches += [Branch(n, tree.branches[0], 0) for n in range(1, 7)]
    while tree.grows:
        tree.step([sure(row.number) for row in tree.live])
    assert tree.steps == next(t for t in range(100) if round(8 * (0.98 - 0.9 * t / 100)) == 7)


def test_what_is_certain_to_be_wanted_by_hand() -> None:
    """r = 2, k = 3: until a branch is compared, and until the tree may be full and settled."""
    tree = hand_made()
    trunk = tree.branches[0]
    assert tree.certain(trunk) == 3  # as if its first step filled the tree: it would end at 3
    tree.step([top(t5=0.5, t6=0.4)])
    _, first = tree.branches
    assert (tree.certain(trunk), tree.certain(first)) == (3, 1)
    tree.step([sure(1), top(t8=0.5, t9=0.4)])
    _, _, second = tree.branches
    assert tree.rows == [trunk, first, second]
    assert [tree.certain(row) for row in tree.rows] == [2, 2, 1]  # full since step 1: it may end at 4
    tree.step([sure(4), sure(5), sure(6)])
    assert [tree.certain(row) for row in tree.rows] == [1, 1, 1]
    tree.step([sure(4), sure(5), sure(6)])
    assert not tree.grows
    near = TokenTree(3, TokenOptions(max_steps=2), [END], 100)
    assert near.certain(near.branches[0]) == 2
    assert (short := TokenTree(3, TokenOptions(), [END], 7)).certain(short.branches[0]) == 7


def test_similarities_by_hand() -> None:
    assert edit_distance([1, 2, 3, 4], [2, 3, 4, 5]) == 2 / 4
    assert rouge_l([1, 2, 3, 4], [2, 3, 4, 5]) == 3 / 4
    assert common_suffix([1, 2, 3, 4], [2, 3, 4, 5]) == 3 / 4  # 2 3 4 ends the one and stands in the other
    assert common_suffix([1, 2, 3, 4], [9, 3, 4, 8]) == 2 / 4
    assert common_suffix([1, 2], [3, 4]) == 0


@pytest.mark.parametrize(
    ("preset", "pruned"),
    [("countdown", [[1, 2, 3]]), ("math", [[1, 2, 3], [7, 7, 3]])],
)
def test_the_published_sets_prune(preset: str, pruned: list[list[int]]) -> None:
    """Beside [1 2 4 3]…: one token of four; only the last one in common."""
    options = PRESETS[preset]
    for tail in ([1, 2, 3], [7, 7, 3], [7, 8, 9]):
        tree = TokenTree(2, TokenOptions(**{**_fields(options), "lookahead": (4,)}), [END], 100)
        tree.step([top(t5=0.4, t6=0.35)])
        for a, b in zip([1, 2, 3], tail, strict=True):
            growth = tree.step([sure(a), sure(b)])
        assert bool(growth.pruned) == (tail in pruned), tail
    assert SHARES[preset][0] == 1.0


def _fields(options: TokenOptions) -> dict[str, object]:
    return {name: getattr(options, name) for name in TokenOptions.__dataclass_fields__}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau_abs": 1.2}, r"tau_abs = 1.2 must lie in \[0, 1\]"),
        ({"candidates": 1}, "nothing to branch to"),
        ({"lookahead": ()}, "give one number"),
        ({"tau_ed": 0}, "switch one test on"),
        ({"max_steps": 0}, "grows no tree"),
    ],
)
def test_options_that_can_do_nothing_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TokenOptions(**change)  # type: ignore[arg-type]


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 1 << 30), width=st.integers(2, 8), longest=st.integers(4, 40), end=st.floats(0, 0.15))
def test_every_tree(seed: int, width: int, longest: int, end: float) -> None:
    """Against random probabilities: never too many rows, paths are paths, and no more tokens than k rollouts have."""
    rng = np.random.default_rng(seed)
    options = TokenOptions(tau_abs=0.1, tau_rel=0.6, lookahead=(2, 5), tau_ed=0.7, max_steps=int(rng.integers(2, 60)))
    tree = TokenTree(width, options, [END], longest)
    wanted: dict[Branch, int] = {}
    while tree.grows:
        for row in tree.live:
            assert tree.certain(row) > 0
            wanted[row] = max(wanted.get(row, 0), tree.steps + tree.certain(row))
        tops = []
        for _ in tree.live:
            p = np.sort(rng.dirichlet(np.ones(3)))[::-1]
            ids = rng.permutation(np.arange(1, 6))[:3]
            if rng.random() < end:
                ids[0] = END
            tops.append(Top(tuple(ids.tolist()), tuple(p.tolist())))
        before = len(tree.branches)
        growth = tree.step(tops)
        assert len(tree.rows) <= width
        assert all(b in tree.rows for b in growth.born)
        assert not set(growth.pruned) & set(tree.branches[before:])
    for row, length in wanted.items():
        assert length <= longest
        assert row.tokens[-1] == END or len(row.tokens) >= length
    tree.pad()
    while tree.live:  # as an engine that samples
        for row in tree.live:
            row.tokens.append(END if rng.random() < 0.1 else 9)
            if row.tokens[-1] == END or len(row.tokens) == longest:
                row.fate = "over"
    rows, record = tree.rows, tree.record()
    assert len(rows) == width
    for branch in tree.branches:
        assert END not in branch.tokens[:-1]
        assert len(branch.tokens) <= longest
        if branch.parent is not None:
            assert branch.tokens[: branch.born] == branch.parent.tokens[: branch.born]
            if not branch.copy:
                assert branch.tokens[branch.born] != branch.parent.tokens[branch.born]
        if branch.parent is not None and branch.parent.fate == "pruned":
            assert branch.fate == "pruned"
    # Two rows are different paths, but for copies.
    assert len({tuple(b.tokens) for b in rows if not b.copy}) == sum(not b.copy for b in rows)
    assert record["tokens"] <= sum(len(b.tokens) for b in rows)
