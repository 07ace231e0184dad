"""Credit of whole groups: trees, infrastructure errors, tokens, batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.trainers.credit import GAE, GRA, GRPO, IGPO, RLOO, Credit, GiGPO, ReinforcePP, assign
from agentrl.types import Group, Outcome, Task
from tests.trainers.trees import chains, turn

OUTCOME = {"outcome": 1.0}
CREDITS: list[Credit] = [
    GRPO(),
    GRPO(std=False),
    RLOO(),
    ReinforcePP(),
    ReinforcePP(baseline=True),
    GiGPO(),
    GiGPO(norm="mean_std_norm"),
    GiGPO(episode_mean="turns"),
    IGPO(),
    IGPO(normalisation="joint", gamma=0.9),
    GRA(),
    GRA(assignment="turn", std=False),
    GAE(),
    GAE(gamma=0.9, lam=0.5, whiten=False),
]

reward_lists = st.lists(
    st.lists(st.sampled_from([0.0, 0.25, 1.0, -0.5]), min_size=1, max_size=5), min_size=1, max_size=6
)


def zeros(groups: list[Group]) -> list[list[np.ndarray]]:
    return [[np.zeros(len(t.action_ids)) for t in group.turns] for group in groups]


def advantages(groups: list[Group], credit: Credit) -> list[list[np.ndarray]]:
    return [c.advantages for c in assign(groups, credit, OUTCOME, values=zeros(groups))]


# -- golden values ---------------------------------------------------------------------------------------------------


def test_grpo_broadcasts_over_turns_and_tokens() -> None:
    # returns 2 and 0: mean 1, A = +1 and −1 on each of the 2 tokens of each turn
    (a,) = advantages([chains([0, 2], [0])], GRPO(std=False))
    assert [x.tolist() for x in a] == [[1, 1], [1, 1], [-1, -1]]


def test_reinforce_pp_whitens_returns_to_go_over_tokens() -> None:
    # one rollout with rewards 1, 1 and two tokens a turn: returns to go 2, 2, 1, 1: mean 1.5, std 0.5
    (a,) = advantages([chains([1, 1])], ReinforcePP())
    np.testing.assert_allclose(np.concatenate(a), [1, 1, -1, -1], atol=1e-6)


def test_reinforce_pp_baseline_by_hand() -> None:
    # group 1: returns 1, 0 → ±0.5; group 2: returns 4, 0 → ±2
    # one token each: mean 0, variance (2 · 0.25 + 2 · 4)/4 = 2.125
    a = advantages([chains([1], [0], actions=1), chains([4], [0], actions=1)], ReinforcePP(baseline=True))
    expected = np.array([0.5, -0.5, 2, -2]) / np.sqrt(2.125)
    np.testing.assert_allclose(np.concatenate([x for group in a for x in group]), expected, atol=1e-6)


def test_gigpo_by_hand() -> None:
    # γ = 0.5. Rollout 0: rewards 0, 1 in states s, x. Rollout 1: rewards 0, 0 in states s, y.
    # A^E: returns 1, 0 → ±0.5. Returns to go: (0.5, 1) and (0, 0). State s: 0.5, 0 → ±0.25; x and y: 0.
    group = chains([0, 1], [0, 0], actions=1, observations=[["s", "x"], ["s", "y"]])
    (a,) = advantages([group], GiGPO(gamma=0.5))
    np.testing.assert_allclose(np.concatenate(a), [0.75, 0.5, -0.75, -0.5])


def test_gigpo_weight_of_the_step_part() -> None:
    group = chains([0, 1], [0, 0], actions=1, observations=[["s", "x"], ["s", "y"]])
    (a,) = advantages([group], GiGPO(gamma=0.5, w=2.0))
    np.testing.assert_allclose(np.concatenate(a), [1.0, 0.5, -1.0, -0.5])


def test_gigpo_episode_mean_over_turns_by_hand() -> None:
    # returns 3 (one turn) and 0 (two turns): mean over turns (3 + 0 + 0)/3 = 1 → 2 and −1, −1; no shared states
    (a,) = advantages([chains([3], [0, 0], actions=1)], GiGPO(episode_mean="turns"))
    np.testing.assert_allclose(np.concatenate(a), [2, -1, -1])


def test_gigpo_compares_equal_states_inside_one_rollout() -> None:
    # one rollout walks in a circle: state s with returns to go 1 (γ = 1) and 1: equal, so 0
    (a,) = advantages([chains([0, 1], actions=1, observations=[["s", "s"]])], GiGPO(gamma=1.0))
    assert not np.concatenate(a).any()


def test_gae_puts_rewards_on_the_last_token_and_bridges_turns() -> None:
    # two turns of two tokens, rewards 1 and 2, V = 0, γ = λ = 0.5 (product 0.25)
    # token rewards 0, 1, 0, 2: A₃ = 2, A₂ = 0.5, A₁ = 1 + 0.125 = 1.125, A₀ = 0.28125
    groups = [chains([1, 2])]
    (c,) = assign(groups, GAE(gamma=0.5, lam=0.5, whiten=False), OUTCOME, values=zeros(groups))
    np.testing.assert_allclose(np.concatenate(c.advantages), [0.28125, 1.125, 0.5, 2])
    assert c.returns is not None
    np.testing.assert_allclose(np.concatenate(c.returns), [0.28125, 1.125, 0.5, 2])


def test_gae_returns_are_unwhitened_advantages_plus_values() -> None:
    # γ = λ = 1: A + V is the return to go whatever V is: 1, 1
    groups = [chains([1])]
    (c,) = assign(groups, GAE(), OUTCOME, values=[[np.array([0.3, -0.4])]])
    assert c.returns is not None
    np.testing.assert_allclose(c.returns[0], [1, 1])
    np.testing.assert_allclose(c.advantages[0], [-1, 1], atol=1e-6)  # 0.7 and 1.4 whitened


def test_reward_of_a_turn_without_tokens_goes_to_the_action_before() -> None:
    group = Group(Task("Test-v0", "0"))
    first = group.add(turn(None, 0, actions=2))
    group.add(turn(first, 5, actions=0))
    (c,) = assign([group], GAE(whiten=False), OUTCOME, values=zeros([group]))
    assert [a.tolist() for a in c.advantages] == [[5, 5], []]


def test_penalties_are_subtracted_at_their_tokens() -> None:
    # GAE with γ = λ = 1, reward 1 on the last token, penalties 0.1 and 0.2: returns to go 0.7 and 0.8
    groups = [chains([1])]
    penalties = [[np.array([0.1, 0.2])]]
    (c,) = assign(groups, GAE(whiten=False), OUTCOME, values=zeros(groups), penalties=penalties)
    np.testing.assert_allclose(c.advantages[0], [0.7, 0.8])
    # per turn: return 1 − 0.3 = 0.7 against 0: ±0.35
    groups = [chains([1], [0])]
    (c,) = assign(groups, GRPO(std=False), OUTCOME, penalties=[[np.array([0.1, 0.2]), np.zeros(2)]])
    np.testing.assert_allclose(np.concatenate(c.advantages), [0.35, 0.35, -0.35, -0.35])


# -- trees -----------------------------------------------------------------------------------------------------------


def test_a_shared_turn_gets_the_mean_over_its_rollouts() -> None:
    # root shared by rollouts with returns 1 and 0, a third rollout on its own with 2: mean 1, A = 0, −1, +1
    group = Group(Task("Test-v0", "0"))
    root = group.add(turn(None))
    group.add(turn(root, 1))
    group.add(turn(root, 0))
    group.add(turn(None, 2))
    (a,) = advantages([group], GRPO(std=False))
    assert [x[0] for x in a] == [-0.5, 0, -1, 1]


def test_an_infrastructure_error_is_in_no_statistic() -> None:
    group = chains([1], [0])
    group.add(turn(None, 100, outcome=Outcome.infra_error("lost the container")))
    (a,) = advantages([group], GRPO(std=False))
    assert [x.tolist() for x in a] == [[0.5, 0.5], [-0.5, -0.5], []]


def test_turns_before_an_infrastructure_error_have_no_advantage() -> None:
    group = chains([1], [0])
    root = group.add(turn(None))
    group.add(turn(root, outcome=Outcome.infra_error("lost the container")))
    (a,) = advantages([group], RLOO())
    assert [len(x) for x in a] == [2, 2, 0, 0]


def test_a_shared_turn_survives_the_infrastructure_error_of_one_rollout() -> None:
    group = Group(Task("Test-v0", "0"))
    root = group.add(turn(None))
    group.add(turn(root, 1))
    group.add(turn(root, outcome=Outcome.infra_error("lost")))
    group.add(turn(None, 0))
    (a,) = advantages([group], GRPO(std=False))
    assert [x.tolist() for x in a] == [[0.5, 0.5], [0.5, 0.5], [], [-0.5, -0.5]]


# -- properties of all credits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("credit", CREDITS, ids=repr)
class TestEveryCredit:
    @given(lists=reward_lists)
    def test_one_finite_number_per_action_token(self, credit, lists) -> None:
        group = chains(*lists, actions=3)
        (a,) = advantages([group], credit)
        assert [x.shape for x in a] == [(3,)] * len(group.turns)
        assert np.isfinite(np.concatenate(a)).all()

    @given(lists=reward_lists)
    def test_an_infrastructure_error_changes_nobody_else(self, credit, lists) -> None:
        clean, spoilt = chains(*lists), chains(*lists)
        spoilt.add(turn(None, 50, outcome=Outcome.infra_error("lost")))
        (expected,), (got,) = advantages([clean], credit), advantages([spoilt], credit)
        np.testing.assert_allclose(np.concatenate(got[:-1]), np.concatenate(expected))
        assert len(got[-1]) == 0

    @given(lists=reward_lists, seed=st.integers(0, 99))
    def test_order_of_the_rollouts_does_not_matter(self, credit, lists, seed) -> None:
        order = np.random.default_rng(seed).permutation(len(lists))
        observations = [[f"state {t % 2}" for t in range(len(r))] for r in lists]
        group = chains(*lists, observations=observations)
        shuffled = chains(*[lists[i] for i in order], observations=[observations[i] for i in order])
        (a,), (b,) = advantages([group], credit), advantages([shuffled], credit)
        of_rollout = [np.concatenate([a[i] for i in path]) for path in group.rollouts()]
        shuffled_of_rollout = [np.concatenate([b[i] for i in path]) for path in shuffled.rollouts()]
        for new, old in enumerate(order):
            np.testing.assert_allclose(shuffled_of_rollout[new], of_rollout[old], atol=1e-9)

    def test_a_batch_may_hold_empty_groups(self, credit) -> None:
        lost = Group(Task("Test-v0", "1"))
        lost.add(turn(None, outcome=Outcome.infra_error("lost")))
        a = advantages([lost, chains([1], [0]), Group(Task("Test-v0", "2"))], credit)
        assert [len(x) for x in a] == [1, 2, 0]
        assert [len(x) for x in a[0]] == [0]

    def test_a_batch_of_nothing(self, credit) -> None:
        assert assign([], credit, OUTCOME, values=[]) == []


@pytest.mark.parametrize("credit", [c for c in CREDITS if c.min_group > 1], ids=repr)
class TestGroupCredits:
    @given(rewards=st.lists(st.floats(-5, 5), min_size=1, max_size=4), size=st.integers(1, 5))
    def test_equal_rollouts_give_exactly_zero(self, credit, rewards, size) -> None:
        observations = [[f"{t}" for t in range(len(rewards))]] * size
        (a,) = advantages([chains(*[rewards] * size, observations=observations)], credit)
        assert not np.concatenate(a).any()


@pytest.mark.parametrize("credit", [c for c in CREDITS if c.whiten], ids=repr)
@given(lists=reward_lists)
def test_whitening_gives_mean_zero_and_variance_one(credit, lists) -> None:
    a = np.concatenate([x for group in advantages([chains(*lists), chains([1, 0])], credit) for x in group])
    assert abs(a.mean()) < 1e-6
    assert a.any() == (np.abs(a.std() - 1) < 1e-3)


def test_credit_without_its_values_is_refused() -> None:
    with pytest.raises(ConfigError, match="critic"):
        assign([chains([1])], GAE(), OUTCOME)
