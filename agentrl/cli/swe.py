"""`agentrl swe`: repositories with bugs in them, made from any code with tests, or taken from the field's data sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from agentrl.cli.options import Json, Set, print_json
from agentrl.config import Config
from agentrl.errors import ConfigError

if TYPE_CHECKING:
    from agentrl.envs.swe.build import Built
    from agentrl.envs.swe.instance import Instance
    from agentrl.envs.swe.repository import Repository

app = typer.Typer(help="Make software-engineering tasks, or import them.", no_args_is_help=True)

Jobs = Annotated[int, typer.Option(min=1, help="Sandboxes at work.")]
Sandbox = Annotated[str, typer.Option(help="auto, docker, process or runsc.")]
Modifiers = Annotated[
    list[str] | None, typer.Option("--modifier", metavar="NAME", help="Kind of bug; may be repeated. Default: all.")
]


@app.command()
def build(
    repo: Annotated[Path | None, typer.Option(help="A git checkout with tests for pytest.")] = None,
    commit: Annotated[str, typer.Option(metavar="REV", help="The commit of --repo to take.")] = "HEAD",
    package: Annotated[str, typer.Option(metavar="NAME==VERSION", help="A source distribution from the index.")] = "",
    shipped: Annotated[bool, typer.Option("--shipped", help="The libraries that come with agentrl.")] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Install what the project says that it and its tests need.")
    ] = False,
    out: Annotated[Path, typer.Option(help="File of JSON lines to write, in the SWE-bench schema.")] = Path(
        "tasks.jsonl"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Tasks to make of each repository; default: all.")] = None,
    seed: Annotated[int, typer.Option(help="Order in which bugs are tried.")] = 24,
    modifiers: Modifiers = None,
    jobs: Jobs = 2,
    sandbox: Sandbox = "auto",
    timeout: Annotated[float, typer.Option(min=1, help="Seconds of processor time for all tests.")] = 60.0,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Plant bugs in a repository, and keep those that its tests notice as tasks.

    Every bug is tried twice in a sandbox: some test must turn from pass to fail, some must keep passing. What was tried
    is remembered, so an interrupted build goes on where it was. With judge.url and judge.model a language model
    writes the problem statements; else templates do.

    Examples:

        agentrl swe build --repo ~/src/mylib --out tasks.jsonl --limit 100

        agentrl swe build --package toolz==1.0.0 --modifier op_change --modifier remove_cond

        agentrl swe build --shipped --set judge.url=http://127.0.0.1:8000/v1 --set judge.model=qwen3
    """
    from agentrl.envs.swe.build import instances
    from agentrl.envs.swe.instance import write_instances
    from agentrl.envs.swe.needs import declared, pinned
    from agentrl.envs.swe.store import save

    built = []
    made: list[Instance] = []
    with _writer(overrides or []) as writer:
        for repository in _repositories(repo, commit, package, shipped):
            if install:
                repository = replace(repository, requirements=pinned(declared(repository.files)))
            options: dict[str, Any] = {
                "limit": limit,
                "seed": seed,
                "jobs": jobs,
                "sandbox": sandbox,
                "timeout_s": timeout,
            }
            built.append(_build(repository, modifiers, checkout=repo, quiet=as_json, **options))
            save(repository)
            made += instances(built[-1], writer)
    write_instances(out, made)
    if as_json:
        print_json({"out": str(out), "tasks": len(made), "repositories": [_summary(b) for b in built]})
    else:
        for b in built:
            _tell(b)
        print(f'{len(made)} tasks in {out}; play them with gym.make("SWE-v0", file="{out}")')


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON lines, or a JSON array of rows.")],
    repos: Annotated[
        list[str] | None, typer.Option("--repo", metavar="OWNER/NAME=PATH", help="A checkout; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File of JSON lines to write.")] = Path("tasks.jsonl"),
    style: Annotated[str, typer.Option(help="swe-bench, swe-gym, swe-smith, r2e or agentrl.")] = "auto",
    plain: Annotated[
        bool, typer.Option("--plain", help="Run with pytest alone, not in the data set's images.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make tasks for SWE-v0 of a file of SWE-bench, SWE-Gym, SWE-smith or R2E-Gym.

    Their code comes from local checkouts; what their tests need, from their images where a registry is in reach.

    Example: agentrl swe import swe-smith.jsonl --repo oauthlib/oauthlib=~/src/oauthlib --out oauthlib.jsonl
    """
    from agentrl.envs.swe.foreign import bring, read
    from agentrl.envs.swe.instance import write_instances

    pairs = [pair.partition("=") for pair in repos or []]
    for name, _, path in pairs:
        if not name or not path:
            raise ConfigError(f"--repo {name}: write it as OWNER/NAME=PATH")
    brought = bring(read(file, style), {name: Path(path).expanduser() for name, _, path in pairs}, plain=plain)
    write_instances(out, brought.instances)
    if as_json:
        print_json({"out": str(out), "tasks": len(brought.instances), "refused": brought.refused})
        return
    for name, reason in brought.refused.items():
        print(f"left out {name}: {reason}")
    print(f'{len(brought.instances)} tasks in {out}; play them with gym.make("SWE-v0", file="{out}")')


@app.command()
def manifest(
    folder: Annotated[Path, typer.Argument(help="envs/swe/manifest of a checkout of agentrl.")],
    limit: Annotated[int, typer.Option(min=1, help="Tasks to make of each library.")] = 70,
    small: Annotated[int, typer.Option(min=1, help="More of each: changes of operators, constants, conditions.")] = 60,
    seed: Annotated[int, typer.Option(help="Order in which bugs are tried.")] = 24,
    jobs: Jobs = 2,
    sandbox: Sandbox = "auto",
) -> None:
    """Make the list of the tasks that come with agentrl anew, after a change of their libraries.

    Example: agentrl swe manifest envs/swe/manifest
    """
    from agentrl.envs.swe.tasks import SMALL_KINDS, write_manifest

    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: give envs/swe/manifest of your checkout")
    for repository in _repositories(None, "HEAD", "", True):
        found = [
            _build(repository, kinds, limit=number, seed=seed, jobs=jobs, sandbox=sandbox)
            for kinds, number in ((None, limit), (list(SMALL_KINDS), small))
        ]
        seconds = sum(built.seconds for built in found)
        print(f"{repository.name}: {write_manifest(found, folder)} tasks, {seconds:.0f} s", flush=True)


def _repositories(repo: Path | None, commit: str, package: str, shipped: bool) -> Iterator[Repository]:
    from agentrl.envs.swe import shipped as libraries
    from agentrl.envs.swe.sources import from_git, from_package

    if [repo is not None, bool(package), shipped].count(True) != 1:
        raise ConfigError("say what to make tasks of: one of --repo PATH, --package NAME==VERSION and --shipped")
    if commit != "HEAD" and repo is None:
        raise ConfigError("--commit is of a checkout: give --repo PATH with it")
    if repo is not None:
        yield from_git(repo, commit)
    elif package:
        yield from_package(package)
    else:
        yield from map(libraries.load, libraries.names())


def _build(repository: Repository, modifiers: list[str] | None, quiet: bool = False, **options: Any) -> Built:
    from agentrl.envs.swe.build import KINDS, build
    from agentrl.envs.swe.workshop import workshop

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(repository.name, total=options["limit"], told="")

        def tell(tried: int, kept: int) -> None:
            bar.update(task, completed=kept, told=f"{kept} of {tried} kept")

        return workshop().call(build(repository, kinds=modifiers or KINDS, progress=tell, **options))


@contextmanager
def _writer(overrides: list[str]) -> Iterator[Callable[[str], str] | None]:
    """A language model for problem statements, if one is named."""
    config = Config.load(None, overrides)
    if not config.judge.url:
        if overrides:
            raise ConfigError("--set takes judge.url and judge.model here, and both are needed")
        yield None
        return
    from pydantic import BaseModel

    from agentrl.agents.judges.chat import Chat, ChatOptions

    class Report(BaseModel):
        report: str

    chat = Chat(ChatOptions.of(config.judge))
    try:
        yield lambda question: chat.ask_blocking([{"role": "user", "content": question}], Report).report
    finally:
        chat.close()


def _summary(built: Built) -> dict[str, Any]:
    return {
        "repository": built.repository.key,
        "tests": len(built.suite),
        "tried": built.tried,
        "kept": len(built.kept),
        "seconds": round(built.seconds, 1),
        "yield": {kind: dict(counter) for kind, counter in built.tally.items()},
    }


def _tell(built: Built) -> None:
    from agentrl.envs.swe.validation import REASONS

    table = Table("", "tried", "kept", *REASONS, "leak", box=None)
    for kind, counter in [*built.tally.items(), ("all", sum(built.tally.values(), Counter()))]:
        numbers = (counter[name] for name in ("kept", *REASONS, "leak"))
        table.add_row(kind, str(sum(counter.values())), *(str(number or "") for number in numbers))
    each = f", {built.seconds / built.tried:.2f} s each" if built.tried else ""
    print(f"{built.repository.key}: {len(built.suite)} tests, {built.tried} bugs in {built.seconds:.0f} s{each}")
    Console(highlight=False).print(table)
