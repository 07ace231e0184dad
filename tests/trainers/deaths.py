"""Deaths in the middle of writing: each function makes the process that calls it die at such a point."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from agentrl.files import json_line
from agentrl.trainers.runs import step_name

WARM_STEPS, STEPS = 40, 8
LAST = step_name(WARM_STEPS + STEPS)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def torn_journal() -> None:
    """The thirtieth line of the journal is not written to its end."""
    from agentrl.agents.journal import GroupLog

    def append(log: GroupLog, record: dict[str, Any]) -> None:
        lines.append(record)
        if len(lines) == 30:
            with log._path.open("ab", buffering=0) as file:
                file.write(json_line(record)[:100])
            die()
        whole(log, record)

    lines: list[dict[str, Any]] = []
    whole, GroupLog._append = GroupLog._append, append  # type: ignore[method-assign]


def torn_checkpoint() -> None:
    """The second checkpoint has its weights, and not yet the state of the trainer."""
    from agentrl.trainers import checkpoint

    def save(state: Any, path: Path) -> None:
        saved.append(path)
        if len(saved) == 2:
            path.write_bytes(b"PK")
            die()
        whole(state, path)

    saved: list[Path] = []
    whole, checkpoint.torch.save = checkpoint.torch.save, save


def torn_removal() -> None:
    """The checkpoint before the last test is replaced by that after it, and one of its files is gone."""
    from agentrl.trainers import checkpoint

    def remove(folder: Path) -> None:
        if LAST in folder.name:
            (folder / checkpoint.MANIFEST).unlink()
            die()
        whole(folder)

    whole, checkpoint.shutil.rmtree = checkpoint.shutil.rmtree, remove


def torn_exchange() -> None:
    """The checkpoint before the last test is gone, and that after it has not its name yet."""
    from agentrl.trainers import checkpoint

    def rename(path: Path, target: Path) -> Path:
        if path.suffix == ".partial" and (path.parent / f".{target.name}.replaced").exists() and target.name == LAST:
            die()
        return whole(path, target)

    whole, checkpoint.Path.rename = Path.rename, rename


def half_published() -> None:
    """The third folder of weights for the servers is written by half."""
    import safetensors.torch

    def save(weights: Any, path: Path, metadata: Any) -> None:
        saved.append(path)
        whole(weights, path, metadata)
        if len(saved) == 3:
            os.truncate(path, path.stat().st_size // 2)
            die()

    saved: list[Path] = []
    whole, safetensors.torch.save_file = safetensors.torch.save_file, save


def paused() -> None:
    """The servers are paused, and not told of the new weights yet."""
    from agentrl.agents.vllm.publish.checkpoint import CheckpointPublisher

    async def transfer(publisher: CheckpointPublisher, targets: Any, update: Any) -> None:
        updates.append(update)
        if len(updates) == 3:
            die()
        await whole(publisher, targets, update)

    updates: list[Any] = []
    whole, CheckpointPublisher.transfer = CheckpointPublisher.transfer, transfer  # type: ignore[method-assign]


def often_watched() -> None:
    """Replicas are looked after ten times a second, not every five."""
    from agentrl.agents.vllm import engine

    engine.VLLMOptions = partial(engine.VLLMOptions, health_interval_s=0.1)  # type: ignore[misc,assignment]
