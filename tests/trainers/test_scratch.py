"""A tokenizer and a model from nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.config import ModelConfig
from tests.conftest import require

torch = require("torch")
require("transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer

from agentrl.agents.render import Renderer
from agentrl.trainers.scratch import ASSISTANT, END, PAD, SYSTEM, USER, build_model, train_tokenizer

TEXTS = [
    "You are in the middle of a room. Looking quickly around you, you see a cabinet 1, a fridge 12, and a desk 3.",
    "On the cabinet 1, you see a butter knife 2, and a creditcard 1.",
    "Your task is to: put a hot creditcard in fridge.",
    "go to cabinet 1",
    "take creditcard 1 from cabinet 1",
    "You arrive at fridge 12. The fridge 12 is closed.",
]
SMALL = ModelConfig(hidden_size=16, intermediate_size=32, layers=2, heads=2, max_context=64)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, 400)


def pieces(tokenizer: Any, text: str) -> list[str]:
    """The text of each token."""
    return [tokenizer.decode([i]) for i in tokenizer.encode(text, add_special_tokens=False)]


@given(st.text())
def test_every_string_comes_back(tokenizer: Any, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    assert all(0 <= i < len(tokenizer) for i in ids)


@pytest.mark.parametrize(
    "text", ["go to cabinet 1", "take creditcard 1 from fridge 12", "put a hot creditcard in fridge."]
)
def test_names_and_numbers_are_single_tokens_everywhere(tokenizer: Any, text: str) -> None:
    words = {" cabinet", " creditcard", " fridge", " 1", " 12"}
    found = [piece for piece in pieces(tokenizer, text) if piece in words]
    assert found == [f" {w}" for w in re.findall(r"cabinet|creditcard|fridge|\d+", text)]


def test_a_name_within_another_is_not_cut_out() -> None:
    tokenizer = train_tokenizer(["a table 1, a sidetable 1, and a tablecloth 2"], 300)
    assert {" table", " sidetable", " tablecloth"} <= set(pieces(tokenizer, "put a table, a sidetable, a tablecloth"))


def test_unseen_numbers_stay_apart_from_words(tokenizer: Any) -> None:
    assert "".join(pieces(tokenizer, "see cabinet 734, then")).startswith("see cabinet")
    assert not [p for p in pieces(tokenizer, "see cabinet 734, then") if re.search(r"\d[^\d]|[^\d ]\d", p)]


def test_boilerplate_may_cross_spaces(tokenizer: Any) -> None:
    assert any(piece.strip().count(" ") for piece in pieces(tokenizer, TEXTS[1]))
    assert any(re.search(r"[A-Z]\w+ \w", p) for p in pieces(tokenizer, TEXTS[5])), (
        "a capital matters without numbers only"
    )


@pytest.mark.parametrize("size", [300, 400])
def test_the_vocabulary_is_no_larger_than_asked_for(size: int) -> None:
    tokenizer = train_tokenizer(TEXTS, size)
    assert len(tokenizer) <= size
    assert tokenizer.convert_tokens_to_ids([PAD, END, SYSTEM, USER, ASSISTANT]) == [0, 1, 2, 3, 4]
    assert (tokenizer.pad_token, tokenizer.eos_token) == (PAD, END)


def test_texts_without_numbers_will_do() -> None:
    tokenizer = train_tokenizer(["north", "You are in a maze of twisty little passages, all alike."], 300)
    assert "".join(pieces(tokenizer, "go north")) == "go north"


def test_the_same_texts_give_the_same_tokenizer(tokenizer: Any) -> None:
    again = train_tokenizer(TEXTS, 400)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


@pytest.mark.parametrize("system", ["", "Act."])
def test_the_chat_template_grows_at_its_end_only(tokenizer: Any, system: str) -> None:
    renderer = Renderer(tokenizer, system)
    assert renderer.prefix_stable
    assert renderer.stop_token_ids == (tokenizer.eos_token_id,)
    action = renderer.action("go to cabinet 1")
    ids = [*renderer.first("Hello."), *action, *renderer.next(action, "You see."), *renderer.action("look")]
    messages = [{"role": "system", "content": system}] if system else []
    for user, assistant in (("Hello.", "go to cabinet 1"), ("You see.", "look")):
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    assert ids == tokenizer.apply_chat_template(messages, return_dict=False)
    assert renderer.parse(action) == "go to cabinet 1"


def test_a_turn_costs_two_tokens_of_ceremony(tokenizer: Any) -> None:
    renderer = Renderer(tokenizer)
    plain = tokenizer.encode("look", add_special_tokens=False)
    assert len(renderer.next(renderer.action("look"), "look")) == len(plain) + 2
    assert len(renderer.action("look")) == len(plain) + 1


@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
def test_a_model_depends_on_its_seed_alone(tokenizer: Any, architecture: str) -> None:
    config = SMALL.model_copy(update={"architecture": architecture})
    torch.manual_seed(1)
    first = build_model(config, tokenizer, 7).state_dict()
    after = torch.rand(1)
    torch.manual_seed(1)
    torch.testing.assert_close(torch.rand(1), after)  # the caller's random numbers are left alone
    again, other = build_model(config, tokenizer, 7).state_dict(), build_model(config, tokenizer, 8).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
@pytest.mark.parametrize("kv_heads", [1, 2])
def test_a_model_has_the_shape_asked_for(tokenizer: Any, architecture: str, kv_heads: int) -> None:
    config = SMALL.model_copy(update={"architecture": architecture, "kv_heads": kv_heads, "conv_layers": (1,)})
    built = build_model(config, tokenizer, 0).config
    assert (built.model_type, built.vocab_size) == (architecture, len(tokenizer))
    assert (built.hidden_size, built.intermediate_size, built.num_hidden_layers) == (16, 32, 2)
    assert (built.num_attention_heads, built.num_key_value_heads) == (2, kv_heads)
    assert built.max_position_embeddings == 64
    if architecture == "lfm2":
        assert built.layer_types == ["full_attention", "conv"]


@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
def test_stock_transformers_loads_both(tmp_path: Path, tokenizer: Any, architecture: str) -> None:
    model = build_model(SMALL.model_copy(update={"architecture": architecture}), tokenizer, 0).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, tokens = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    ids = tokens(TEXTS[4], return_tensors="pt").input_ids
    assert ids.tolist() == [tokenizer.encode(TEXTS[4])]
    torch.testing.assert_close(loaded(ids).logits, model(ids).logits)
    assert Renderer(tokens).first("look") == Renderer(tokenizer).first("look")


def test_names_with_a_capital_are_single_tokens_at_any_place() -> None:
    texts = [
        "Kipel Foundry was founded by Klasa Trikon.",
        "Klasa Trikon leads Kipel Foundry.",
        "open[Kipel Foundry]",
    ] * 3
    tokenizer = train_tokenizer(texts, 400)
    names = {"Kipel", " Foundry", "Klasa", " Trikon"}
    for text in texts:
        assert [p for p in pieces(tokenizer, text) if p in names] == re.findall("Kipel| Foundry|Klasa| Trikon", text)
    assert "Kipel" not in pieces(tokenizer, "Kipels"), "only whole words"


def test_the_most_frequent_names_share_half_the_vocabulary() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    rare = [f"K{a}{b}o" for a in letters for b in letters]
    tokenizer = train_tokenizer([f"open[{name}] of Kipel" for name in rare], 600)
    assert len(tokenizer) <= 600
    assert pieces(tokenizer, "Kipel") == ["Kipel"]
    assert sum(len(pieces(tokenizer, name)) == 1 for name in rare) < 300
    assert tokenizer.decode(tokenizer.encode(" ".join(rare))) == " ".join(rare)
