"""Checkpoints: ordinary Hugging Face folders with the trainer's state beside the weights.

    step-000100/
        config.json, model.safetensors, tokenizer.json …    what `transformers` and vLLM load
        trainer.pt                                          optimiser, counters, random states
        manifest.json                                       size and SHA-256 of every other file

A folder is written under another name and renamed when it is complete, and again before it is removed, so a checkpoint
that is there is whole; the manifest catches what happens to it later.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from agentrl.errors import CorruptFileError, RunStoppedError

STATE = "trainer.pt"
MANIFEST = "manifest.json"
REPLACED = ".replaced"
"""Ends the name of a checkpoint while another of the same step takes its place."""


def save_policy(
    folder: Path, model: PreTrainedModel, weights: Mapping[str, Tensor], tokenizer: PreTrainedTokenizerBase
) -> None:
    """Write a folder that `AutoModelForCausalLM` and `AutoTokenizer` load with `from_pretrained`.

    Args:
        folder: is created; files of the same names are overwritten.
        model: gives architecture and configuration, bare or wrapped by `peft`.
        weights: as `Learner.weights()` returns them.
        tokenizer: with its chat template.
    """
    wrapped: Any = model
    bare: Any = wrapped.get_base_model() if hasattr(model, "peft_config") else model
    shows_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        bare.save_pretrained(folder, state_dict=dict(weights))
    finally:
        if shows_bars:
            logging.enable_progress_bar()
    tokenizer.save_pretrained(folder)
    if bare.config.model_type == "lfm2":
        _add_lfm2_fields(folder / "config.json")


def _add_lfm2_fields(path: Path) -> None:
    """Add what released LFM2 checkpoints have in config.json, vLLM reads and `transformers` does not write."""
    config = json.loads(path.read_text(encoding="utf-8"))
    width = config["hidden_size"]
    config |= {
        "block_dim": width,
        "block_ff_dim": config["intermediate_size"],
        "block_mlp_init_scale": 1.0,
        "block_norm_eps": config["norm_eps"],
        "block_out_init_scale": 1.0,
        "block_use_swiglu": True,
        "block_use_xavier_init": True,
        "conv_dim": width,
        "conv_dim_out": width,
        "conv_use_xavier_init": True,
        "full_attn_idxs": [i for i, kind in enumerate(config["layer_types"]) if kind == "full_attention"],
        "num_heads": config["num_attention_heads"],
        "rope_theta": config["rope_parameters"]["rope_theta"],
        "use_pos_enc": True,
    }
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def save_checkpoint(
    root: Path,
    step: int,
    model: PreTrainedModel,
    weights: Mapping[str, Tensor],
    tokenizer: PreTrainedTokenizerBase,
    state: Mapping[str, Any],
    *,
    keep: int,
) -> Path:
    """Write `root/step-NNNNNN` at once or not at all, then remove all but the last `keep` checkpoints.

    Args:
        root: the run's folder of checkpoints.
        step: orders the checkpoints.
        model, weights, tokenizer: as `save_policy` takes them.
        state: tensors, numbers, strings, and lists and dicts of them; `load_state` returns it.
        keep: at least 1.

    Raises:
        RunStoppedError: the file system refused (no space, no permission); the older checkpoints are untouched.
    """
    final = root / f"step-{step:06d}"
    partial = root / f".{final.name}.partial"
    try:
        for left_over in (*root.glob(".step-*.partial"), *root.glob(".step-*.removed")):  # of a run that was killed
            shutil.rmtree(left_over)
        partial.mkdir(parents=True)
        save_policy(partial, model, weights, tokenizer)
        torch.save(dict(state), partial / STATE)
        files = sorted(p for p in partial.rglob("*") if p.is_file())
        manifest = {str(p.relative_to(partial)): {"bytes": p.stat().st_size, "sha256": _digest(p)} for p in files}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in [*files, partial / MANIFEST, partial]:
            _sync(path)
        if final.exists():
            replaced = root / f".{final.name}{REPLACED}"
            _remove(replaced)
            final.rename(replaced)
        partial.rename(final)
        _sync(root)
        for old in (*root.glob(f".step-*{REPLACED}"), *checkpoints(root)[:-keep]):
            _remove(old)
    except OSError as error:
        raise RunStoppedError(f"cannot write checkpoint {final}: {error.strerror or error}") from error
    return final


def checkpoints(root: Path) -> list[Path]:
    """The checkpoints below a folder, oldest first; also one that a process was about to replace when it was killed."""
    there = {path.name: path for path in root.glob("step-*") if path.is_dir()}
    replaced = {path.name[1:].removesuffix(REPLACED): path for path in root.glob(f".step-*{REPLACED}")}
    return [path for _, path in sorted((replaced | there).items())]


def verify(folder: Path) -> None:
    """Compare a checkpoint with its manifest.

    Raises:
        CorruptFileError: a file is missing, cut off or changed; the message names it.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        expected = {str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in manifest.items()}
    except FileNotFoundError as error:
        raise CorruptFileError(path, "missing; this folder is no complete checkpoint") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(path, f"not a manifest: {error}") from error
    for name, (size, digest) in expected.items():
        file = folder / name
        if not file.is_file():
            raise CorruptFileError(file, "missing")
        if file.stat().st_size != size:
            raise CorruptFileError(file, f"has {file.stat().st_size} bytes instead of {size}")
        if _digest(file) != digest:
            raise CorruptFileError(file, "its content is not what was written (SHA-256 differs)")


def load_state(folder: Path) -> dict[str, Any]:
    """The trainer's state of a checkpoint, after `verify`. Tensors are on the CPU.

    Raises:
        CorruptFileError: the checkpoint is damaged; the message gives file and reason.
    """
    verify(folder)
    state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    return state


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(folder: Path) -> None:
    """Remove a folder, if it is there, so that no half of it is ever seen under its name."""
    if folder.exists():
        shutil.rmtree(folder.rename(folder.with_name(f".{folder.name.removeprefix('.')}.removed")))


def _sync(path: Path) -> None:
    """Make a file, or the entries of a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
