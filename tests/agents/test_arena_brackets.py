"""Tournaments worked out by hand, and what holds for all of them."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.agents.arena.elimination import bracket_order
from agentrl.agents.arena.record import Match, Tournament
from agentrl.agents.arena.referee import Compare, Referee
from agentrl.agents.arena.rewards import Ties, quantile_rewards
from agentrl.agents.arena.topologies import TOPOLOGIES, hold, most_comparisons
from agentrl.errors import InfraError, UnknownNameError

ELIMINATION = ("single_elimination", "double_elimination")
EVERY = pytest.mark.parametrize("topology", TOPOLOGIES)


def by_quality(quality: Sequence[float], failing: Collection[tuple[int, int]] = ()) -> Compare:
    """A judge without noise; some pairs it cannot judge."""

    async def compare(i: int, j: int) -> tuple[float, float]:
        await asyncio.sleep(0)
        if (min(i, j), max(i, j)) in failing:
            raise InfraError("the judge is out")
        return quality[i], quality[j]

    return compare


def by_table(table: Mapping[tuple[int, int], tuple[float, float] | None]) -> Compare:
    async def compare(i: int, j: int) -> tuple[float, float]:
        found = table[i, j]
        if found is None:
            raise InfraError("the judge is out")
        return found

    return compare


def held(topology: str, players: int, compare: Compare, seed: int = 0) -> Tournament:
    return asyncio.run(hold(topology, players, compare, seed))


def pairs(tournament: Tournament, *stages: str) -> list[tuple[int, tuple[int, ...]]]:
    return [(m.round, m.players) for m in tournament.matches if m.stage in stages]


def drawn(players: int, seed: int = 0) -> list[int]:
    """The lot of a tournament without seeds."""
    return random.Random(seed).sample(range(players), players)


def test_the_best_seeds_meet_last() -> None:
    assert bracket_order(8) == [0, 7, 3, 4, 1, 6, 2, 5]
    assert bracket_order(5) == [0, 3, 4, 1, 2]
    assert bracket_order(1) == [0]


def test_single_elimination_of_two_judges_them_once() -> None:
    found = held("single_elimination", 2, by_quality([1, 3]))
    assert (found.ranks, found.comparisons) == ((1, 0), 1)
    assert pairs(found, "bracket") == [(2, (1, 0))]


def test_single_elimination_of_three_has_a_bye() -> None:
    found = held("single_elimination", 3, by_quality([5, 9, 7]))
    assert pairs(found, "seeding") == [(1, (0, 1)), (1, (0, 2))]
    assert pairs(found, "bracket") == [(2, (1, 2)), (2, (0,)), (3, (1, 0))]
    assert (found.ranks, found.comparisons) == ((1, 0, 2), 3)  # the bye took player 0 further than player 2


def test_single_elimination_of_four_with_an_upset_and_a_tie() -> None:
    table = {(0, 1): (6, 8), (0, 2): (7, 5), (0, 3): (6, 7), (1, 2): (4, 9), (2, 3): (5, 5)}
    found = held("single_elimination", 4, by_table(table))
    # Seeds: 1 (8), 3 (7), 0 (mean 19/3), 2 (5). Player 2 beats the first seed; the better seed, 3, wins the tie.
    assert pairs(found, "bracket") == [(2, (1, 2)), (2, (3, 0)), (3, (3, 2))]
    assert [m.winner for m in found.matches if m.stage == "bracket"] == [2, 3, 3]
    assert found.ranks == (2, 3, 1, 0)  # of those out in round 2, player 0 has a mean of 19/3 and player 1 of 6
    assert (found.comparisons, found.failed) == (5, 0)  # 3 against 0 was judged in the seeding


def test_single_elimination_of_five_leaves_the_odd_one_out() -> None:
    found = held("single_elimination", 5, by_quality([3, 9, 1, 7, 5]))
    assert pairs(found, "bracket") == [(2, (1, 0)), (2, (3, 2)), (2, (4,)), (3, (1, 3)), (3, (4,)), (4, (1, 4))]
    assert (found.ranks, found.comparisons) == ((3, 0, 4, 2, 1), 7)


def test_single_elimination_of_eight_equals() -> None:
    found = held("single_elimination", 8, by_quality([5] * 8))
    assert pairs(found, "bracket") == [
        *[(2, pair) for pair in [(0, 7), (3, 4), (1, 6), (2, 5)]],
        *[(3, pair) for pair in [(0, 3), (1, 2)]],
        (4, (0, 1)),
    ]
    assert found.ranks == (0, 1, 2, 2, 4, 4, 4, 4)
    assert found.comparisons == 7 + 4  # three matches of player 0 were judged in the seeding


def test_a_match_that_fails_is_decided_by_other_comparisons() -> None:
    # Seeds 1, 2, 3, 0. The first match, 1 against 0, is known; 2 against 3 fails, and 2 has scored more.
    found = held("single_elimination", 4, by_quality([1, 9, 7, 5], {(2, 3)}))
    assert pairs(found, "bracket") == [(2, (1, 0)), (2, (2, 3)), (3, (1, 2))]
    assert (found.ranks, found.comparisons, found.failed) == ((3, 0, 1, 2), 4, 1)
    (failed,) = [m for m in found.matches if m.failure]
    assert failed == Match("bracket", 2, (2, 3), winner=2, failure="the judge is out")


def test_who_has_had_no_comparison_withdraws() -> None:
    # Seeds 1, 3, 0 and 2, whose seeding failed, as does its match against 1.
    found = held("single_elimination", 4, by_quality([1, 9, 7, 5], {(0, 2), (1, 2)}))
    assert pairs(found, "bracket") == [(2, (1, 2)), (2, (3, 0)), (3, (1, 3))]
    assert (found.ranks, found.comparisons, found.failed) == ((2, 0, None, 1), 3, 2)
    # In double elimination the first match is the only one of both.
    a, b, c, d = drawn(4)
    quality = {a: 8, b: 6, c: 4, d: 2}
    lost = {(min(a, d), max(a, d))}
    found = held("double_elimination", 4, by_quality([quality[i] for i in range(4)], lost))
    assert [found.ranks[i] for i in (a, b, c, d)] == [None, 0, 1, None]


def test_where_nothing_can_be_judged_nobody_is_ranked() -> None:
    for topology, players in itertools.product(TOPOLOGIES, (2, 3, 5, 8)):
        every = set(itertools.combinations(range(players), 2))
        found = held(topology, players, by_quality(range(players), every))
        assert found.ranks == (None,) * players
        assert found.comparisons == 0


def test_double_elimination_of_four() -> None:
    a, b, c, d = drawn(4)
    quality = {a: 8, b: 6, c: 4, d: 2}
    found = held("double_elimination", 4, by_quality([quality[i] for i in range(4)]))
    assert pairs(found, "bracket") == [(1, (a, d)), (1, (b, c)), (3, (a, b))]
    assert pairs(found, "losers") == [(2, (c, d)), (4, (b, c))]
    assert pairs(found, "final") == [(5, (a, b))]
    assert [found.ranks[i] for i in (a, b, c, d)] == [0, 1, 2, 3]
    assert found.comparisons == 4  # b against c, and the final, were judged before


def test_double_elimination_of_five_with_byes() -> None:
    a, b, c, d, e = drawn(5)
    quality = {a: 10, b: 8, c: 6, d: 4, e: 2}
    found = held("double_elimination", 5, by_quality([quality[i] for i in range(5)]))
    assert pairs(found, "bracket") == [(1, (a, d)), (1, (b, e)), (1, (c,)), (3, (a, b)), (3, (c,)), (5, (a, c))]
    assert pairs(found, "losers") == [(2, (d, e)), (4, (b, d)), (6, (b, c))]
    assert pairs(found, "final") == [(7, (a, b))]
    assert [found.ranks[i] for i in (a, b, c, d, e)] == [0, 1, 2, 3, 4]
    assert found.comparisons == 7


def test_upsets_in_double_elimination() -> None:
    a, b, c, d = drawn(4)
    beats = {(d, a), (b, c), (d, b), (a, c), (a, b)}

    async def compare(i: int, j: int) -> tuple[float, float]:
        return float((i, j) in beats), float((j, i) in beats)

    found = held("double_elimination", 4, compare)
    assert pairs(found, "bracket") == [(1, (a, d)), (1, (b, c)), (3, (b, d))]
    assert pairs(found, "losers") == [(2, (a, c)), (4, (a, b))]
    assert pairs(found, "final") == [(5, (a, d))]
    assert [found.ranks[i] for i in (d, a, b, c)] == [0, 1, 2, 3]
    assert found.comparisons == 5  # the finalists had met


def test_swiss_of_three_gives_the_bye_to_the_last() -> None:
    a, b, c = drawn(3)
    quality = {a: 1, b: 2, c: 3}
    found = held("swiss", 3, by_quality([quality[i] for i in range(3)]))
    assert pairs(found, "league") == [(1, (a, b)), (1, (c,)), (2, (b, c)), (2, (a,))]
    # Points 1, 1, 2 with a bye each for a and c; b's opponents have 3 points together, those of a one.
    assert [found.ranks[i] for i in (a, b, c)] == [2, 1, 0]


def test_swiss_of_four_is_decided_by_opponents() -> None:
    a, b, c, d = drawn(4)
    quality = {a: 4, b: 1, c: 3, d: 2}
    found = held("swiss", 4, by_quality([quality[i] for i in range(4)]))
    assert pairs(found, "league") == [(1, (a, b)), (1, (c, d)), (2, (a, c)), (2, (b, d))]
    assert [found.ranks[i] for i in (a, c, d, b)] == [0, 1, 2, 3]  # c and d have a point; opponents have 3 and 1


def test_swiss_looks_opponents_up_by_their_number() -> None:
    """The released code reads the points of opponents from a list that it has shuffled."""
    a, b, c, d = drawn(4, seed=3)
    assert [a, b, c, d] != [0, 1, 2, 3]
    found = held("swiss", 4, by_quality([{a: 4, b: 1, c: 3, d: 2}[i] for i in range(4)]), seed=3)
    assert [found.ranks[i] for i in (a, c, d, b)] == [0, 1, 2, 3]


def test_round_robin_counts_a_tie_as_half_a_win_and_a_failure_as_nothing() -> None:
    table = {(0, 1): (5, 5), (0, 2): (6, 4), (0, 3): None, (1, 2): (3, 7), (1, 3): (8, 2), (2, 3): None}
    found = held("round_robin", 4, by_table(table))
    # Shares of wins: 0 has 1.5 of 2, 1 has 1.5 of 3, 2 has 1 of 2, 3 has 0 of 1.
    assert found.ranks == (0, 1, 1, 3)
    assert (found.comparisons, found.failed) == (4, 2)


def test_the_anchor_is_ranked_by_its_mean_score() -> None:
    table = {(0, 1): (4, 9), (0, 2): (8, 3), (0, 3): (6, 6), (0, 4): None}
    found = held("anchor", 5, by_table(table))
    assert found.ranks == (1, 0, 3, 1, None)  # the anchor has (4 + 8 + 6) / 3
    assert (found.comparisons, found.failed) == (3, 1)


@pytest.mark.parametrize(
    ("ties", "rewards"),
    [
        ("average", [1, 6 / 7, 4.5 / 7, 4.5 / 7, 1.5 / 7, 1.5 / 7, 1.5 / 7, 1.5 / 7]),
        ("competition", [1, 6 / 7, 5 / 7, 5 / 7, 3 / 7, 3 / 7, 3 / 7, 3 / 7]),
        ("stretched", [1, 3 / 4, 1 / 2, 1 / 2, 0, 0, 0, 0]),
    ],
)
def test_rewards_of_ties(ties: Ties, rewards: list[float]) -> None:
    assert quantile_rewards((0, 1, 2, 2, 4, 4, 4, 4), ties) == pytest.approx(rewards)


@pytest.mark.parametrize(("ties", "reward"), [("average", 0.5), ("competition", 1.0), ("stretched", 0.0)])
def test_rewards_where_all_are_equal(ties: Ties, reward: float) -> None:
    assert quantile_rewards((0, 0, 0), ties) == [reward] * 3


def test_who_has_no_rank_has_no_reward_and_counts_for_nobody() -> None:
    assert quantile_rewards((None, 2, 0, None, 1)) == [None, 0.0, 1.0, None, 0.5]
    assert quantile_rewards((None, None)) == [None, None]


def test_the_matches_of_a_round_are_judged_at_the_same_time() -> None:
    now, most = 0, list[int]()

    async def compare(i: int, j: int) -> tuple[float, float]:
        nonlocal now
        now += 1
        most.append(now)
        for _ in range(3):
            await asyncio.sleep(0)
        now -= 1
        return i, j

    held("single_elimination", 8, compare)
    assert most == [1, 2, 3, 4, 5, 6, 7, *[1, 2, 3], *[1, 2], 1]  # 7 and 0 met in the seeding


def test_what_cannot_be_held_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'swiss'"):
        held("swis", 4, by_quality([1] * 4))
    with pytest.raises(UnknownNameError, match="round_robin"):
        most_comparisons("round robin", 4)
    with pytest.raises(ValueError, match="nobody to compare with"):
        held("anchor", 1, by_quality([1]))


qualities = st.lists(st.integers(-99, 99), min_size=2, max_size=17)


@st.composite
def with_failures(draw: st.DrawFn) -> tuple[list[int], set[tuple[int, int]]]:
    quality = draw(qualities)
    every = list(itertools.combinations(range(len(quality)), 2))
    return quality, set(draw(st.lists(st.sampled_from(every), max_size=2 * len(every))))


@EVERY
@given(case=with_failures(), seed=st.integers(0, 99))
def test_ranks_are_a_ranking_of_whom_could_be_compared(
    topology: str, case: tuple[list[int], set[tuple[int, int]]], seed: int
) -> None:
    quality, failing = case
    found = held(topology, len(quality), by_quality(quality, failing), seed)
    known = [rank for rank in found.ranks if rank is not None]
    assert all(sum(other < rank for other in known) == rank for rank in known)
    judged = {i for m in found.matches if m.scores is not None for i in m.players}
    assert {i for i, rank in enumerate(found.ranks) if rank is not None} <= judged
    if topology not in ELIMINATION:
        assert len(known) == len(judged), "one comparison is enough"
    asked = {tuple(sorted(m.players)) for m in found.matches if len(m.players) == 2}
    assert (found.comparisons, found.failed) == (len(asked - failing), len(asked & failing))
    rewards = [r for r in quantile_rewards(found.ranks) if r is not None]
    assert all(0 <= r <= 1 for r in rewards)
    if len(rewards) > 1:
        assert sum(rewards) / len(rewards) == pytest.approx(0.5)
    assert Tournament.from_json(found.to_json()) == found


@EVERY
@given(quality=st.lists(st.integers(-99, 99), min_size=2, max_size=33, unique=True), seed=st.integers(0, 99))
def test_the_best_wins_where_there_is_no_noise(topology: str, quality: list[int], seed: int) -> None:
    asked = list[tuple[int, int]]()

    async def compare(i: int, j: int) -> tuple[float, float]:
        asked.append((i, j))
        return quality[i], quality[j]

    found = held(topology, len(quality), compare, seed)
    assert found.ranks[quality.index(max(quality))] == 0
    assert None not in found.ranks
    assert len(asked) == len(set(asked)) == found.comparisons <= most_comparisons(topology, len(quality))
    if topology in ELIMINATION:
        assert found.ranks.count(0) == 1
        losses = [
            sum(m.winner not in (None, i) for m in found.matches if i in m.players and m.stage != "seeding")
            for i in range(len(quality))
        ]
        allowed = (1,) if topology == "single_elimination" else (1, 2)
        assert all(lost in allowed for rank, lost in zip(found.ranks, losses, strict=True) if rank != 0)
    if topology in ("round_robin", "anchor"):
        assert sorted(range(len(quality)), key=lambda i: -quality[i]) == sorted(
            range(len(quality)), key=found.ranks.__getitem__
        )


@pytest.mark.parametrize("topology", ELIMINATION)
@given(case=with_failures(), seed=st.integers(0, 99))
def test_failed_matches_do_not_cost_the_best_its_rank(
    topology: str, case: tuple[list[int], set[tuple[int, int]]], seed: int
) -> None:
    quality, failing = case
    quality = [2 * q + i / 100 for i, q in enumerate(quality)]  # no ties
    found = held(topology, len(quality), by_quality(quality, failing), seed)
    assert found.ranks[quality.index(max(quality))] in (0, None)


@pytest.mark.parametrize("topology", ["round_robin", "anchor", "single_elimination"])
@given(data=st.data())
def test_the_order_of_the_players_behind_the_anchor_does_not_matter(topology: str, data: st.DataObject) -> None:
    quality = data.draw(st.lists(st.integers(-99, 99), min_size=2, max_size=12, unique=True))
    order = [0, *data.draw(st.permutations(range(1, len(quality))))]
    ranks = held(topology, len(quality), by_quality(quality)).ranks
    permuted = held(topology, len(quality), by_quality([quality[i] for i in order])).ranks
    assert permuted == tuple(ranks[i] for i in order)


@given(players=st.integers(2, 40), seed=st.integers(0, 99), ties=st.booleans())
def test_nobody_meets_twice_or_has_two_byes_in_swiss(players: int, seed: int, ties: bool) -> None:
    found = held("swiss", players, by_quality([i % 3 if ties else i for i in range(players)]), seed)
    met = [tuple(sorted(m.players)) for m in found.matches]
    assert len(met) == len(set(met))
    assert max(m.round for m in found.matches) == math.ceil(math.log2(players))


def test_a_referee_asks_nobody_twice_about_a_failure() -> None:
    asked = 0

    async def compare(i: int, j: int) -> tuple[float, float]:
        nonlocal asked
        asked += 1
        raise InfraError

    async def play() -> Referee:
        referee = Referee(2, compare)
        await referee.round("league", [(0, 1)])
        await referee.round("league", [(1, 0)])
        return referee

    referee = asyncio.run(play())
    assert (asked, referee.comparisons, referee.failures) == (1, 0, 1)
    assert [m.failure for m in referee.matches] == ["InfraError"] * 2
