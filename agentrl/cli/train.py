"""`agentrl train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from agentrl.cli.errors import Interrupted
from agentrl.cli.options import Json, Set, print_json
from agentrl.cli.recipes import DEFAULT, recipe
from agentrl.config import Config
from agentrl.errors import ConfigError


def train(
    config: Annotated[Path, typer.Argument(help="A TOML file, or the name of a recipe.")] = Path(DEFAULT),
    method: Annotated[str, typer.Option(help="Short for --set rl.method=NAME; see agentrl methods list.")] = "",
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

        agentrl train searchqa --method igpo --set run.dir=runs/igpo

        agentrl train --set model=PATH_TO_A_LOCAL_MODEL

        agentrl train --resume runs/alfworld-001
    """
    resolved = _resolve(config, [*([f"rl.method={method}"] if method else []), *(overrides or [])], resume)
    if dry_run:
        print_json(resolved.model_dump(mode="json")) if as_json else print(resolved.toml(), end="")
        return
    from agentrl.trainers.loop import train as run
    from agentrl.trainers.runs import CONFIG, free_run_dir

    path = resume or Path(resolved.run.dir or free_run_dir(resolved.run.name))
    placed = resolved.run.model_copy(update={"dir": str(path)})
    try:
        summary = run(resolved.model_copy(update={"run": placed}), resume=resume)
    except KeyboardInterrupt as error:
        more = f"; continue with: agentrl train --resume {path}" if (path / CONFIG).exists() else ""
        raise Interrupted(f"interrupted{more}") from error
    print_json(summary) if as_json else _tell(summary, resolved, path)


def _resolve(config: Path, overrides: list[str], resume: Path | None) -> Config:
    if resume is None:
        return Config.load(config if config.suffix else recipe(str(config)), overrides)
    if config != Path(DEFAULT):
        raise ConfigError(f"--resume takes its configuration from {resume}; leave out {config}, or use --set")
    from agentrl.trainers.runs import CONFIG, Run

    return Config.load(Run.open(resume).path / CONFIG, overrides)


def _tell(summary: Mapping[str, Any], config: Config, path: Path) -> None:
    before, after = (summary.get(key) for key in ("success_before", "success_after"))
    if before is not None and after is not None:
        print(f"success on {config.env.test_split}: {before:.1%} before RL, {after:.1%} after")
    print(f"wall time: {summary['wall_s'] / 60:.1f} min")
    print(f"report:    {summary['report']}")
    print(f"watch it:  agentrl play {config.env.id} --split {config.env.test_split} --agent {path}")
    print(f"play it:   agentrl play {config.env.id} --split {config.env.test_split}")
