"""Folders of published weights, which trainer and servers see under the same path."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentrl.errors import MissingExtraError, RunStoppedError

if TYPE_CHECKING:
    from torch import Tensor


def write(root: Path, version: int, file: str, weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> Path:
    """Write `root/v<version>/` so that nobody ever sees half of it; returns it as an absolute path.

    Args:
        root: is made if it is not there.
        version: of the policy; a folder of the same version is replaced.
        file: name of the safetensors file.
        weights: name → tensor, no two of which share memory.
        config: name → content of JSON files beside it.

    Raises:
        RunStoppedError: the disk is full, or not ours to write.
        MissingExtraError: `safetensors` is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError as error:
        raise MissingExtraError("safetensors", "vllm") from error
    folder = root.absolute() / f"v{version}"
    partial = folder.with_name(f".v{version}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, partial / file, {"format": "pt"})
        for name, content in config.items():
            (partial / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
        for path in partial.iterdir():
            with path.open("rb") as written:
                os.fsync(written.fileno())
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except (OSError, SafetensorError) as e:
        raise RunStoppedError(f"cannot write weights to {folder}: {e}") from e
    return folder


def remove_all_but(root: Path, versions: Iterable[int]) -> None:
    """Remove the folders of all other versions."""
    kept = {f"v{version}" for version in versions}
    for path in root.glob("v*"):
        if re.fullmatch(r"v\d+", path.name) and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)
