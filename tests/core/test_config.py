"""The configuration: from TOML and overrides to values, and back."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.config import Config, known_keys, parse_value
from agentrl.errors import ConfigError, UnknownNameError

RECIPES = Path(__file__).parents[2] / "trainers" / "recipes"

positive = st.floats(min_value=1e-9, max_value=1e6)
plain_json = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
settings = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**62),
        "run": st.fixed_dictionaries({}, optional={"name": st.text(), "dir": st.text()}),
        "env": st.fixed_dictionaries({}, optional={"kwargs": st.dictionaries(st.text(), plain_json, max_size=3)}),
        "model": st.text()
        | st.fixed_dictionaries({"system_prompt": st.text(), "conv_layers": st.lists(st.integers(0, 3), max_size=3)}),
        "warm_start": st.fixed_dictionaries({"mistakes": st.floats(0, 1, exclude_max=True)}),
        "rl": st.fixed_dictionaries(
            {}, optional={"rewards": st.dictionaries(st.text(), positive, max_size=3), "temperature": positive}
        ),
    },
)


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


@given(settings)
def test_toml_reads_back_to_an_equal_value(values: dict[str, Any]) -> None:
    config = Config.model_validate(values)
    assert Config.model_validate(tomllib.loads(config.toml())) == config


def test_toml_is_read_from_a_file(tmp_path: Path) -> None:
    config = Config.load(None, ["rl.method=gigpo", 'env.kwargs={level="w1-o1-q1"}'])
    path = write(tmp_path, config.toml())
    assert Config.load(path) == config
    assert Config.load(path, ["rl.steps=3"]).rl.steps == 3


def test_rewards_by_name_and_by_schedule() -> None:
    assert Config.load(None, ['rl.rewards=["outcome", "progress"]']).rl.rewards == {"outcome": 1.0, "progress": 1.0}
    config = Config.load(None, ["rl.rewards={outcome = 1, information_gain = [1.0, 0.5]}"])
    assert config.rl.rewards == {"outcome": 1.0, "information_gain": (1.0, 0.5)}
    assert Config.model_validate(tomllib.loads(config.toml())) == config
    for wrong in ('["outcome", "outcome"]', '["outcome", 1]', "{outcome = [1.0, 0.5, 0.2]}", "0.5"):
        with pytest.raises(ConfigError, match=r"rl\.rewards"):
            Config.load(None, [f"rl.rewards={wrong}"])


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    assert Config.load(path) != Config()


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("rl.step=3", "steps"),
        ("sed=3", "seed"),
        ("warm_start.optim.wieght_decay=1", "weight_decay"),
        ("env.max_turn=1", "max_turns"),
        ("modle.path=x", "model"),
    ],
)
def test_an_unknown_key_names_the_nearest(override: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown configuration key .*{nearest}"):
        Config.load(None, [override])


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("rl.steps=-1", "rl.steps"),
        ("rl.steps=many", "rl.steps"),
        ("rl.temperature=0", "rl.temperature"),
        ("rl.temperature=inf", "rl.temperature"),
        ("warm_start.mistakes=1.0", "warm_start.mistakes"),
        ("model.architecture=mamba", "model.architecture"),
        ("rl.optim.betas=[0.9]", "rl.optim.betas"),
        ("rl.rewards={outcome = 'high'}", "rl.rewards.outcome"),
        ("env=ALFWorld-v0", "env"),
        ("model=3", "model"),
        ("model.heads=3", "model"),
        ("model.kv_heads=3", "model"),
        ("model.hidden_size=132", "model"),  # 33 features a head cannot be rotated in pairs
        ("model.conv_layers=[4]", "model"),
    ],
)
def test_a_wrong_value_is_one_clear_line(override: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^configuration key {key}(\.\d+|\.float)?: .* \(got .*\)$") as caught:
        Config.load(None, [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("seed = = 3", "Invalid"), ("[rl]\nsteps = 1\n[rl]\n", "rl"), ("\x00", "")],
)
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=f"config.toml: .*{reason}"):
        Config.load(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such configuration file"):
        Config.load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=str(tmp_path)):
        Config.load(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"seed = '\xff'")
    with pytest.raises(ConfigError, match=r"binary\.toml"):
        Config.load(binary)


def test_a_model_may_be_given_by_its_path_alone(tmp_path: Path) -> None:
    assert Config.load(None, ["model=some/folder"]).model.path == "some/folder"
    path = write(tmp_path, 'model = "some/folder"')
    assert Config.load(path).model.path == "some/folder"
    config = Config.load(path, ["model.lora_rank=2"])
    assert (config.model.path, config.model.lora_rank) == ("some/folder", 2)


def test_an_override_needs_a_key_a_value_and_a_table() -> None:
    with pytest.raises(ConfigError, match="write it as key=value"):
        Config.load(None, ["rl.steps"])
    with pytest.raises(ConfigError, match="seed is a value, not a table"):
        Config.load(None, ["seed=1", "seed.more=1"])


def test_later_overrides_win_and_spaces_do_not_count() -> None:
    assert Config.load(None, ["rl.steps=1", " rl.steps = 2 "]).rl.steps == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.0", 3.0),
        ("true", True),
        ("True", "True"),
        ("grpo", "grpo"),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("a=b", "a=b"),
        ("", ""),
        ("/data/model 7", "/data/model 7"),
    ],
)
def test_a_value_is_toml_or_else_a_bare_string(text: str, value: Any) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_known_keys_are_those_that_can_be_set() -> None:
    keys = known_keys()
    assert {"seed", "env.id", "warm_start.optim.lr", "rl.optim.muon_lr", "failures.max_rate"} <= set(keys)
    assert len(keys) == len(set(keys))
    for key in keys:
        value: Any = Config()
        for part in key.split("."):
            value = getattr(value, f"{part}_" if part == "async" else part)
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        assert Config.model_validate(nested) == Config(), key


def test_a_table_given_in_part_keeps_the_rest_of_its_default() -> None:
    default = Config().warm_start.optim
    optim = Config.load(None, ["warm_start.optim.lr=0.5"]).warm_start.optim
    assert optim == default.model_copy(update={"lr": 0.5})
    assert Config().rl.optim != default


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().rl.steps = 3


def test_the_configuration_needs_no_torch() -> None:
    code = "import agentrl.config, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
