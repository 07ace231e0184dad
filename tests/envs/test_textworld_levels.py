"""Level names: read strictly, and wrong ones answered with what is right."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.textworld.levels import parse
from agentrl.errors import AgentRLError, ConfigError, UnknownNameError

COOKING: dict[str, Any] = {
    **{"recipe": 1, "take": 0, "go": 1, "recipe_seed": 0},
    **{"open": False, "cook": False, "cut": False, "drop": False},
}


@pytest.mark.parametrize(
    ("name", "challenge", "options"),
    [
        ("w2-o3-q4", "custom", {"nb_rooms": 2, "nb_objects": 3, "quest_length": 4}),
        ("w10-o20-q10", "custom", {"nb_rooms": 10, "nb_objects": 20, "quest_length": 10}),
        ("simple-dense", "tw-simple", {"rewards": "dense", "goal": "detailed", "test": False}),
        ("simple-sparse-none", "tw-simple", {"rewards": "sparse", "goal": "none", "test": False}),
        ("coin_collector-1", "tw-coin_collector", {"level": 1}),
        ("coin_collector-233", "tw-coin_collector", {"level": 233}),
        ("treasure_hunter-30", "tw-treasure_hunter", {"level": 30}),
        ("cooking", "tw-cooking", COOKING),
        ("cooking-recipe2-take1-go6", "tw-cooking", {**COOKING, "recipe": 2, "take": 1, "go": 6}),
        ("cooking-open-cut", "tw-cooking", {**COOKING, "open": True, "cut": True}),
    ],
)
def test_names_become_tw_make_options(name: str, challenge: str, options: dict[str, Any]) -> None:
    level = parse(name)
    assert (level.name, level.challenge, level.options) == (name, challenge, options)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("w2-o3", UnknownNameError, "did you mean|known"),
        ("w2-o3-q4 ", UnknownNameError, "did you mean|known"),
        ("treasure_huntr-3", UnknownNameError, "did you mean 'treasure_hunter'"),
        ("simple", UnknownNameError, "did you mean 'simple-"),
        ("simple-dens", UnknownNameError, "did you mean 'simple-dense'"),
        ("simple-dense-short", UnknownNameError, "did you mean 'simple-"),
        ("simple-dense-brief-x", UnknownNameError, "did you mean 'simple-"),
        ("cooking-recipes2", UnknownNameError, "did you mean 'recipe1'"),
        ("cooking-chop", UnknownNameError, "option in level"),
        ("w0-o3-q4", ConfigError, r"rooms \(w\) must be between 1 and 100, not 0"),
        ("w2-o3-q51", ConfigError, "quest length"),
        ("coin_collector", ConfigError, "needs one number, as in 'coin_collector-5'"),
        ("coin_collector-1-2", ConfigError, "needs one number"),
        ("coin_collector-0", ConfigError, "between 1 and 300"),
        ("coin_collector-151", ConfigError, "needs 102 rooms.*use coin_collector-1 to -100, -101 to -150"),
        ("treasure_hunter-31", ConfigError, "between 1 and 30"),
        ("cooking-recipe6", ConfigError, "recipe must be between 1 and 5"),
        ("cooking-recipe1-take2", ConfigError, "take must be between 0 and 1"),
        ("cooking-go5", ConfigError, "go is 1, 6, 9 or 12 rooms, not 5"),
        ("cooking-cut-cut", ConfigError, "names cut twice"),
        ("cooking-go1-go6", ConfigError, "names go twice"),
    ],
)
def test_wrong_names_say_what_is_right(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        parse(name)


@given(
    st.text(max_size=40) | st.from_regex(r"(cooking|simple|coin_collector|w\d)(-[a-z0-9]{0,8}){0,4}", fullmatch=True)
)
def test_any_text_is_a_level_or_a_typed_error(name: str) -> None:
    with contextlib.suppress(AgentRLError):
        assert parse(name).name == name


def test_the_split_chooses_textworlds_own_partition() -> None:
    assert [parse("cooking").options_for(split)["split"] for split in ("train", "valid", "test")] == [
        *("train", "valid", "test")
    ]
    assert [parse("simple-dense").options_for(split)["test"] for split in ("train", "valid", "test")] == [
        *(False, False, True)
    ]
    assert parse("w2-o3-q4").options_for("test") == parse("w2-o3-q4").options_for("train")
