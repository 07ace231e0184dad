"""`agentrl train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentrl.cli.options import Json, Set, print_json
from agentrl.config import Config
from agentrl.errors import ConfigError


def train(
    config: Annotated[
        Path | None, typer.Argument(help="TOML file, or the name of a recipe; default: the ALFWorld agent.")
    ] = None,
    overrides: Set = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue the run in this folder from its last checkpoint.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved configuration and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Train an agent: warm start on demonstrations, then reinforcement learning, with validation on the way.

    Without arguments: a small model from random weights learns ALFWorld on this machine, in minutes.

    Examples:

        agentrl train

        agentrl train --set rl.method=gigpo --set run.dir=runs/gigpo

        agentrl train --set model=PATH_TO_A_LOCAL_MODEL

        agentrl train --resume runs/alfworld-001
    """
    resolved = _resolve(config, overrides or [], resume)
    if dry_run:
        print_json(resolved.model_dump(mode="json")) if as_json else print(resolved.toml(), end="")
        return
    from agentrl.trainers.loop import train as run

    run(resolved, resume=resume)


def _resolve(config: Path | None, overrides: list[str], resume: Path | None) -> Config:
    if resume is None:
        return Config.load(config, overrides)
    if config is not None:
        raise ConfigError(f"--resume takes its configuration from {resume}; leave out {config}, or use --set")
    from agentrl.trainers.runs import CONFIG, Run

    return Config.load(Run.open(resume).path / CONFIG, overrides)
