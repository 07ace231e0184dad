from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from agentrl.config import Config
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.credit import CM2, GRA, GRPO, IGPO, GiGPO
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.methods import METHODS, get_method


def test_the_issue_s_methods_are_there() -> None:
    assert METHODS.keys() >= {"ppo", "grpo", "dr_grpo", "rloo", "reinforce_pp", "gigpo", "gspo", "dapo"}
    assert METHODS.keys() >= {"igpo", "gra", "dra", "cm2", "cm2_turn", "cm2_step"}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_is_complete(method) -> None:
    assert METHODS[method.name] is method
    assert method.summary
    year, number = method.paper.split(".")
    assert len(year) == 4
    assert len(number) == 5
    assert get_method(method.name) == method
    ready = method.with_fields({"constant": 100}) if method.loss.aggregation == "constant" else method
    ready.check(group_size=8, critic=method.needs_critic)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_field_can_be_set_to_what_it_is(method) -> None:
    assert method.with_fields(method.fields()) == method


def test_defaults_of_the_papers() -> None:
    assert METHODS["dapo"].loss.clip_high == 0.28
    assert METHODS["dapo"].loss.aggregation == "token_mean"
    assert METHODS["gspo"].loss.ratio == "sequence"
    assert METHODS["dr_grpo"].credit == GRPO(std=False)
    assert METHODS["gigpo"].credit == GiGPO(gamma=0.95, w=1.0, norm="mean_norm")
    assert METHODS["ppo"].needs_critic
    assert METHODS["ppo"].loss.kl_in == "reward"
    assert METHODS["igpo"].credit == IGPO(normalisation="separate", gamma=1.0)
    assert METHODS["igpo"].loss == LossSpec(
        clip_low=0.2, clip_high=0.2, aggregation="sequence_mean", kl="k3", kl_coef=0.001
    )
    assert METHODS["igpo"].rewards == {"outcome": 1.0, "information_gain": 1.0}
    assert METHODS["gra"].credit == GRA(gates={"outcome": 0.2}, comparison=">=")
    assert METHODS["dra"].credit == GRA(gated=False)
    assert METHODS["cm2"].credit == CM2(assignment="trajectory", std=False, min_turn_group=5)
    assert METHODS["cm2"].loss.kl_coef == 0.001


def test_fields_reach_credit_and_loss() -> None:
    method = get_method("gigpo", {"w": 2, "norm": "mean_std_norm", "clip_high": 0.3})
    assert method.credit == GiGPO(w=2.0, norm="mean_std_norm")
    assert method.loss.clip_high == 0.3
    assert METHODS["gigpo"].credit == GiGPO()


def test_lists_and_tables_reach_the_credit() -> None:
    method = get_method("gra", {"priorities": ["outcome", "busywork"], "gates": {"outcome": 0.5, "busywork": 1}})
    assert method.credit == GRA(priorities=("outcome", "busywork"), gates={"outcome": 0.5, "busywork": 1.0})
    overrides = Config.load(None, ['rl.overrides={gates = {outcome = 0.3}, comparison = ">"}']).rl.overrides
    assert get_method("gra", overrides).credit == GRA(gates={"outcome": 0.3}, comparison=">")


def test_rewards_and_credit_can_be_chosen_apart() -> None:
    rl = Config.load(None, ['rl.rewards=["outcome", "information_gain"]', "rl.credit=gigpo"]).rl
    method = get_method("igpo", {"w": 2.0}, credit=rl.credit, rewards=rl.rewards)
    assert method.credit == GiGPO(w=2.0)
    assert method.loss == METHODS["igpo"].loss
    assert method.weights(0.0) == {"outcome": 1.0, "information_gain": 1.0}
    method.check(group_size=8, critic=False)
    assert get_method("gra").rewards == METHODS["gra"].rewards
    with pytest.raises(UnknownNameError, match="did you mean 'gigpo'"):
        get_method("grpo", credit="gigp")


def test_what_rewards_are_made_from() -> None:
    assert METHODS["igpo"].made_from == {"answer"}
    assert METHODS["cm2"].made_from == {"checklist"}
    assert METHODS["gra"].made_from == set()
    METHODS["igpo"].check_tasks(["outcome"], {"answer": "Ada"})
    with pytest.raises(ConfigError, match="answer"):
        METHODS["igpo"].check_tasks(["outcome"], {})
    with pytest.raises(ConfigError, match="checklist"):
        METHODS["cm2"].check_tasks(["outcome"], {"answer": "Ada"})
    with pytest.raises(UnknownNameError, match="did you mean 'busywork'"):
        get_method("gra", rewards={"outcome": 1.0, "busiwork": 1.0}).check_tasks(["outcome"], {})


@pytest.mark.parametrize(
    ("name", "parts", "reason"),
    [
        ("grpo", {"credit": "igpo"}, "IGPO is made from the reward channel information_gain"),
        ("igpo", {"rewards": {"outcome": 1.0}}, "IGPO is made from the reward channel information_gain"),
        ("igpo", {"rewards": {"outcome": 1.0, "information_gain": 0.5}}, "is lost"),
        ("igpo", {"changes": {"kl_in": "reward"}}, "set kl_in = 'loss'"),
        ("ppo", {"credit": "gra", "rewards": {"outcome": 1.0, "invalid": -1.0}}, "set kl_in = 'loss'"),
        ("cm2", {"rewards": {"outcome": 1.0}}, r"CM2 is made from the reward channel checklist/\*"),
        ("cm2", {"rewards": {"outcome": 1.0, "checklist/*": 1.0}}, "no effect"),
        ("gra", {"rewards": {"outcome": 1.0}}, "none below"),
        ("gra", {"changes": {"priorities": ["outcome", "busywork"]}}, "busywork a priority"),
        ("grpo", {"credit": "ppo"}, "with a critic, and there is none"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(name, parts, reason) -> None:
    with pytest.raises(ConfigError, match=reason):
        get_method(name, **parts).check(group_size=8, critic=False)


def test_equations_of_a_loss_have_its_numbers() -> None:
    equations = {name: "\n".join(m.loss.equations(critic=m.needs_critic)) for name, m in METHODS.items()}
    assert "clip(ρ, 0.8, 1.28)" in equations["dapo"]
    assert "1/Σ_i M_i Σ_i Σ_m" in equations["dapo"]
    assert "ρ = exp(1/M_i Σ_m log π/π_old)" in equations["gspo"]
    assert "r_m ← r_m − 0.001 k1" in equations["rloo"]
    assert "− 0.01 k2 ]" in equations["reinforce_pp_baseline"]
    assert "0.5/2 max((V − R)²" in equations["ppo"]
    assert "(V − R)²" not in equations["grpo"]
    assert "1/99 Σ_m" in LossSpec(aggregation="constant", constant=99).equations()[-1]
    assert "+ 0.02 H(π)" in LossSpec(entropy_coef=0.02).equations()[-1]


def test_unknown_names_give_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'grpo'"):
        get_method("grop")
    with pytest.raises(UnknownNameError, match="did you mean 'clip_high'"):
        get_method("grpo", {"clip_hi": 0.3})
    with pytest.raises(UnknownNameError, match="lam"):
        get_method("grpo", {"lam": 0.9})  # a field of GAE, not of GRPO


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("grpo", {"clip_high": "0.3"}),
        ("grpo", {"std": 1}),
        ("grpo", {"clip_low": True}),
        ("dapo", {"kl_coef": 0.1}),
        ("dapo", {"kl": "k3"}),
        ("grpo", {"clip_low": -1.0}),
        ("dapo", {"kl": "k4", "kl_coef": 0.1}),
        ("grpo", {"ratio": "word"}),
        ("gigpo", {"norm": "none"}),
        ("gigpo", {"gamma": 1.5}),
        ("ppo", {"lam": -0.1}),
        ("gra", {"gates": {"outcome": "high"}}),
        ("gra", {"gates": 0.2}),
        ("gra", {"priorities": "outcome"}),
        ("gra", {"priorities": [1]}),
        ("gra", {"comparison": "<"}),
        ("cm2", {"min_turn_group": 2.5}),
    ],
)
def test_wrong_values_are_refused(name, changes) -> None:
    with pytest.raises((ConfigError, UnknownNameError)):
        get_method(name, changes)


@pytest.mark.parametrize(
    ("name", "group_size", "critic", "reason"),
    [
        ("ppo", 8, False, "with a critic, and there is none"),
        ("grpo", 8, True, "does not use a critic"),
        ("grpo", 1, False, "at least 2"),
        ("reinforce_pp_baseline", 1, False, "at least 2"),
        ("dr_grpo", 8, False, "constant"),
    ],
)
def test_combinations_that_cannot_learn_are_refused(name, group_size, critic, reason) -> None:
    with pytest.raises(ConfigError, match=reason):
        get_method(name).check(group_size=group_size, critic=critic)


def test_methods_without_groups_take_single_rollouts() -> None:
    get_method("ppo").check(group_size=1, critic=True)
    get_method("reinforce_pp").check(group_size=1, critic=False)


def test_methods_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        METHODS["grpo"].name = "x"  # type: ignore[misc]


def test_listing_methods_needs_no_torch() -> None:
    code = "import sys, agentrl.trainers.methods; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
