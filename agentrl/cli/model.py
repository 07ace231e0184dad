"""A trained model on disk, and the configuration to play it with."""

from __future__ import annotations

from pathlib import Path

from agentrl.config import Config
from agentrl.errors import ConfigError
from agentrl.trainers.runs import CHECKPOINTS, CONFIG, Run


def model_folder(path: Path) -> Path:
    """The folder with the weights: `path` itself, or the youngest checkpoint of the run at `path`.

    Raises:
        ConfigError: there is neither.
    """
    if (path / "config.json").is_file():
        return path
    if (path / CONFIG).is_file():
        checkpoints = Run.open(path).checkpoints()
        if not checkpoints:
            raise ConfigError(f"{path}: the run has no checkpoint yet")
        return checkpoints[-1]
    raise ConfigError(f"{path} is neither a model (no config.json) nor a run folder (no {CONFIG})")


def model_config(folder: Path, overrides: list[str] | None = None) -> Config:
    """The configuration of the run that a checkpoint belongs to, else the default one, with `key=value` overrides.

    Raises:
        ConfigError, UnknownNameError: an override is wrong.
    """
    run = folder.resolve().parent.parent
    of_run = folder.resolve().parent.name == CHECKPOINTS and (run / CONFIG).is_file()
    return Config.load(run / CONFIG if of_run else None, overrides or [])
