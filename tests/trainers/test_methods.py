from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.credit import GRPO, GiGPO
from agentrl.trainers.methods import METHODS, get_method


def test_the_issue_s_methods_are_there() -> None:
    assert METHODS.keys() >= {"ppo", "grpo", "dr_grpo", "rloo", "reinforce_pp", "gigpo", "gspo", "dapo"}


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


def test_fields_reach_credit_and_loss() -> None:
    method = get_method("gigpo", {"w": 2, "norm": "mean_std_norm", "clip_high": 0.3})
    assert method.credit == GiGPO(w=2.0, norm="mean_std_norm")
    assert method.loss.clip_high == 0.3
    assert METHODS["gigpo"].credit == GiGPO()


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
