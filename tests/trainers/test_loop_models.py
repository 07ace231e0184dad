"""Whole runs with other models, adapters, number formats and environments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import ConfigError
from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from agentrl.agents.render import Renderer
from agentrl.trainers.evaluate import evaluate
from agentrl.trainers.loop import train
from agentrl.trainers.runs import Run
from tests.fixtures.families import family_tokenizer
from tests.trainers.small import ALFWORLD, small

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
    "pad_token_id": None,
}
FAMILIES: dict[str, Any] = {
    "llama3": LlamaConfig,
    "mistral": MistralConfig,
    "gemma": Gemma2Config,
    "chatml": Qwen3Config,
}


def save_family(folder: Path, family: str, tokenizer: PreTrainedTokenizerFast) -> None:
    """A model of the family with random weights, as its makers would publish it."""
    config = FAMILIES[family](**SHAPE, vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize(("family", "lora_rank"), [("llama3", 0), ("llama3", 2), ("gemma", 0), ("mistral", 0)])
def test_a_local_model_of_another_family_is_fine_tuned(tmp_path: Path, family: str, lora_rank: int) -> None:
    require("alfworld")
    if lora_rank:
        require("peft")
    base, path = tmp_path / "base", tmp_path / "r"
    tokenizer = family_tokenizer(family)
    save_family(base, family, tokenizer)
    model = {"path": str(base), "system_prompt": "You are at home.", "lora_rank": lora_rank}
    changes = {"model": model, "rl": {"steps": 1}, "warm_start": {"demonstrations": 6, "steps": 3}}
    config = small(path, ALFWORLD, changes)
    summary = train(config)
    assert summary["episodes"]["rl"] == 4

    loaded, report = AutoModelForCausalLM.from_pretrained(summary["model"], output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    before = AutoModelForCausalLM.from_pretrained(base).state_dict()
    after = loaded.state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("q_proj" in name for name in changed)
    assert not lora_rank or not any("norm" in name or "embed" in name for name in changed)

    tokens = AutoTokenizer.from_pretrained(summary["model"])
    assert tokens.chat_template == tokenizer.chat_template
    first = Renderer(tokens, "You are at home.").first("You are in the middle of a room.")
    assert first == Renderer(tokenizer, "You are at home.").first("You are in the middle of a room.")
    group, _ = next(Run.open(path).rollouts(Run.open(path).rollout_steps()[-1]))
    assert "You are at home." in tokens.decode(list(group.turns[0].prompt_ids))
    assert evaluate(config, summary["model"], split="test_unseen", games=2)["success"] == summary["success_after"]


def test_without_demonstrations_a_local_model_goes_straight_to_rl(tmp_path: Path) -> None:
    save_family(tmp_path / "base", "chatml", family_tokenizer("chatml"))
    changes = {
        "model": {"path": str(tmp_path / "base")},
        "warm_start": {"demonstrations": 0, "steps": 0},
        "rl": {"rewards": {"outcome": 1.0, "invalid": -0.1}},
    }
    summary = train(small(tmp_path / "r", changes))
    assert summary["episodes"] == {"demonstrations": 0, "rl": 32, "evaluation": 20}
    assert [row["step"] for row in Run.open(tmp_path / "r").metrics() if "rl/success" in row] == [1, 2]


@pytest.mark.parametrize("missing", ["template", "tokenizer", "architecture"])
def test_models_that_cannot_be_talked_to_are_refused_before_anything_is_written(tmp_path: Path, missing: str) -> None:
    base = tmp_path / "base"
    save_family(base, "llama3", family_tokenizer("llama3"))
    if missing == "template":
        (base / "chat_template.jinja").unlink()
        reason = "no chat template"
    elif missing == "tokenizer":
        for file in base.glob("*token*"):
            file.unlink()
        reason = str(base)
    else:
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({**config, "model_type": "llama9"}))
        reason = "llama9"
    with pytest.raises((ConfigError, ValueError), match=reason):
        train(small(tmp_path / "r", {"model": {"path": str(base)}}))
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("optim", ["adamw", "muon"])
@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
def test_adapters_from_nothing(tmp_path: Path, optim: str, architecture: str) -> None:
    """Not wise, but it has to work: adapters of the warm start are merged, then those of RL are trained."""
    require("peft")
    changes = {
        "model": {"lora_rank": 2, "architecture": architecture},
        "warm_start": {"optim": {"name": optim}},
        "rl": {"method": "rloo", "optim": {"name": optim}},
    }
    summary = train(small(tmp_path / "r", changes))
    _, report = AutoModelForCausalLM.from_pretrained(summary["model"], output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    gaps = [row["rl/gate_gap"] for row in Run.open(tmp_path / "r").metrics() if "rl/gate_gap" in row]
    assert max(gaps) < 0.02


@pytest.mark.parametrize(("dtype", "train_dtype"), [("bfloat16", "bfloat16"), ("float32", "float32")])
@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
def test_number_formats(tmp_path: Path, dtype: str, train_dtype: str, architecture: str) -> None:
    changes = {"engine": {"dtype": dtype, "train_dtype": train_dtype}, "model": {"architecture": architecture}}
    summary = train(small(tmp_path / "r", changes))
    assert summary["episodes"]["rl"] == 32
    gaps = [row["rl/gate_gap"] for row in Run.open(tmp_path / "r").metrics() if "rl/gate_gap" in row]
    assert max(gaps) < (0.02 if dtype == "bfloat16" else 1e-4)
    weights = AutoModelForCausalLM.from_pretrained(summary["model"]).state_dict()
    assert all(weight.dtype == torch.float32 for weight in weights.values())


def test_textworld(tmp_path: Path) -> None:
    """An environment that blocks, demonstrates by its oracle and names its splits otherwise."""
    require("textworld")
    changes = {
        "env": {
            "id": "TextWorld-v0",
            "kwargs": {"level": "w1-o1-q1", "games": 2},
            "valid_split": "valid",
            "test_split": "train",
            "max_turns": 4,
        },
        "model": {"max_context": 4096},
        "warm_start": {"demonstrations": 4, "steps": 4, "batch_tokens": 2000},
        "rl": {"tasks_per_step": 2, "group_size": 2, "rewards": {"outcome": 1.0, "progress": 0.1, "invalid": -0.01}},
        "eval": {"every": 0, "test_games": 2},
    }
    summary = train(small(tmp_path / "r", changes))
    assert summary["episodes"] == {"demonstrations": 4, "rl": 8, "evaluation": 4}
    group, _ = next(Run.open(tmp_path / "r").rollouts(6))
    assert {"outcome", "progress", "score"} >= set(group.channels())
