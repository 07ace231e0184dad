"""The policy before training: a local checkpoint, or a tokenizer and a model made from nothing; and its lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from agentrl.agents.render import Renderer
from agentrl.config import Config
from agentrl.errors import ConfigError, CorruptFileError
from agentrl.trainers.demos import Demonstration
from agentrl.trainers.scratch import build_model, train_tokenizer

TOKENIZER_TEXTS = 1000
"""Demonstrations that a new tokenizer is learned from; more do not change its vocabulary."""


@dataclass(slots=True)
class Policy:
    """A model with the tokenizer it reads and the renderer that speaks its template."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    renderer: Renderer


def load_policy(folder: Path, config: Config) -> Policy:
    """Read a Hugging Face folder.

    Raises:
        ConfigError: there is no such folder, or its chat template cannot be continued by appending.
        CorruptFileError: it is there and cannot be loaded; the message gives the reason.
    """
    tokenizer = _read(AutoTokenizer, folder)
    return _placed(config, _read(AutoModelForCausalLM, folder, dtype=torch.float32), tokenizer)


def load_skeleton(folder: Path, config: Config) -> Policy:
    """The same without weights (on the `meta` device): what can be known before anything is loaded or written."""
    tokenizer, shape = _read(AutoTokenizer, folder), _read(AutoConfig, folder)
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(shape)
    except ValueError as error:
        raise CorruptFileError(folder, str(error)) from error
    return Policy(model, tokenizer, Renderer(tokenizer, config.model.system_prompt))


def _read(kind: Any, folder: Path, **options: Any) -> Any:
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{folder} is no local model: it has no config.json")
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:
        raise CorruptFileError(folder, f"{type(error).__name__}: {error}") from error


def make_policy(config: Config, demonstrations: Sequence[Demonstration]) -> Policy:
    """The policy that a run starts from: `model.path`, or a new one that knows the words of the demonstrations.

    Raises:
        ConfigError: a new tokenizer is wanted and there are no demonstrations to learn it from.
    """
    if config.model.path:
        return load_policy(Path(config.model.path), config)
    if not demonstrations:
        raise ConfigError("a model from nothing needs demonstrations: set warm_start.demonstrations, or model = PATH")
    texts = [text for d in demonstrations[:TOKENIZER_TEXTS] for text in d.texts()]
    tokenizer = train_tokenizer(texts, config.model.vocab_size)
    model = build_model(config.model, tokenizer, config.seed)
    return _placed(config, model, tokenizer)


def _placed(config: Config, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Policy:
    module: torch.nn.Module = model
    module.to(device(config))
    return Policy(model, tokenizer, Renderer(tokenizer, config.model.system_prompt))


def device(config: Config) -> torch.device:
    """The device of `engine.device`; `auto` is CUDA where there is one."""
    name = config.engine.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
