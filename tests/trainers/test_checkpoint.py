from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentrl.config import ModelConfig
from agentrl.errors import CorruptFileError, RunStoppedError
from tests.conftest import require

torch = require("torch")
require("transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer

from agentrl.trainers import checkpoint
from agentrl.trainers.checkpoint import checkpoints, load_state, save_checkpoint
from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.scratch import build_model, train_tokenizer
from tests.trainers.tiny import random_rows

VLLM_FIELDS = {"block_dim", "conv_dim", "conv_dim_out", "block_norm_eps", "block_use_swiglu", "conv_use_xavier_init"}
"""Fields that released LFM2 checkpoints have and stock `Lfm2Config` does not know."""


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(["go to cabinet 1", "take apple 1 from fridge 2"], 300)


def learner_of(tokenizer: Any, architecture: str = "lfm2", **options: Any) -> Learner:
    config = ModelConfig(architecture=architecture, hidden_size=16, intermediate_size=32, layers=2, heads=2)
    return Learner(build_model(config, tokenizer, 0), LearnerOptions(**options))


def save(root: Path, step: int, learner: Learner, tokenizer: Any, keep: int = 2) -> Path:
    state = {"learner": learner.state_dict(), "step": step, "note": {"seen": ["a", "b"], "share": 0.5, "none": None}}
    return save_checkpoint(root, step, learner.model, learner.weights(), tokenizer, state, keep=keep)


@pytest.mark.parametrize("options", [{}, {"lora_rank": 2}], ids=["full", "lora"])
@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
def test_stock_transformers_loads_what_was_saved(tmp_path, tokenizer, architecture, options) -> None:
    if options:
        require("peft")
    learner = learner_of(tokenizer, architecture, **options)
    learner.update(random_rows(3), LossSpec())
    folder = save(tmp_path, 1, learner, tokenizer)
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids = torch.randint(0, 290, (2, 12))
    torch.testing.assert_close(model(ids).logits, learner.model(input_ids=ids).logits, atol=1e-5, rtol=1e-4)
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded.chat_template == tokenizer.chat_template
    assert loaded("take apple 1").input_ids == tokenizer("take apple 1").input_ids


def test_lfm2_has_the_fields_that_vllm_reads_and_keeps_them(tmp_path, tokenizer) -> None:
    folder = save(tmp_path, 1, learner_of(tokenizer), tokenizer)
    config = json.loads((folder / "config.json").read_text())
    assert config.keys() >= VLLM_FIELDS
    assert config["block_dim"] == config["conv_dim"] == config["conv_dim_out"] == 16
    assert config["block_ff_dim"] == 32
    assert config["num_heads"] == 2
    assert config["full_attn_idxs"] == [1]
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    assert again.keys() >= VLLM_FIELDS
    assert all(again[name] == config[name] for name in again)


def test_state_comes_back_as_it_was(tmp_path, tokenizer) -> None:
    learner = learner_of(tokenizer, critic="detached")
    learner.update(random_rows(3), LossSpec())
    folder = save(tmp_path, 7, learner, tokenizer)
    state = load_state(folder)
    assert state["step"] == 7
    assert state["note"] == {"seen": ["a", "b"], "share": 0.5, "none": None}
    twin = learner_of(tokenizer, critic="detached")
    twin.load_state_dict(state["learner"])
    assert twin.optimizer.step_count == 1


def test_the_last_ones_are_kept_in_order(tmp_path, tokenizer) -> None:
    learner = learner_of(tokenizer)
    for step in (2, 10, 100):
        save(tmp_path, step, learner, tokenizer, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000010", "step-000100"]


def test_saving_a_step_again_replaces_it(tmp_path, tokenizer) -> None:
    learner = learner_of(tokenizer)
    save(tmp_path, 1, learner, tokenizer)
    learner.update(random_rows(3), LossSpec())
    save(tmp_path, 1, learner, tokenizer)
    (folder,) = checkpoints(tmp_path)
    assert load_state(folder)["learner"]["optimizer"]["step"] == 1


def test_a_save_that_dies_leaves_the_old_checkpoint_and_is_cleaned_up(tmp_path, tokenizer, monkeypatch) -> None:
    learner = learner_of(tokenizer)
    save(tmp_path, 1, learner, tokenizer)

    class Killed(BaseException):
        pass

    def die(path: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_sync", die)
        with pytest.raises(Killed):
            save(tmp_path, 2, learner, tokenizer)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000001"]
    load_state(tmp_path / "step-000001")
    save(tmp_path, 3, learner, tokenizer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001", "step-000003"]


def test_a_full_disk_is_one_clear_error(tmp_path, tokenizer, monkeypatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunStoppedError, match=r"step-000001: No space left on device"):
        save(tmp_path, 1, learner_of(tokenizer), tokenizer)


@pytest.mark.parametrize("name", ["trainer.pt", "model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-7]), "bytes instead of"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1] + bytes([p.read_bytes()[-1] ^ 1])), "SHA-256"),
        (lambda p: p.unlink(), "missing"),
    ],
    ids=["cut off", "one bit", "gone"],
)
def test_damage_is_named_with_file_and_reason(tmp_path, tokenizer, name, damage, reason) -> None:
    folder = save(tmp_path, 1, learner_of(tokenizer), tokenizer)
    damage(folder / name)
    with pytest.raises(CorruptFileError, match=reason) as caught:
        load_state(folder)
    assert str(folder / name) in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"config.json": 3}', '{"config.json": {"bytes": 1}}'])
def test_a_damaged_manifest_is_named(tmp_path, tokenizer, text) -> None:
    folder = save(tmp_path, 1, learner_of(tokenizer), tokenizer)
    path = folder / "manifest.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(CorruptFileError, match=r"manifest\.json"):
        load_state(folder)
