"""`agentrl judge`: whether a judge can be trained against."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, Set, print_json
from agentrl.config import Config, TournamentConfig
from agentrl.errors import ConfigError

if TYPE_CHECKING:
    from agentrl.agents.judges.audit import Audit, Bounds

app = typer.Typer(help="Audit judges.", no_args_is_help=True)

Kind = Literal["pairs", "items"]


@app.callback()
def _group() -> None:
    """Keeps `audit` a command of its own."""


@app.command()
def audit(
    config: Annotated[Path | None, typer.Argument(help="A TOML file with [judge]; or use --set.")] = None,
    of: Annotated[Kind, typer.Option(help="A judge of pairs of trajectories, or of checklist items.")] = "pairs",
    repeats: Annotated[int, typer.Option(min=2, help="How often each question is asked.")] = 2,
    max_fooled: Annotated[float, typer.Option(min=0, max=1, help="False positives of each attack, at most.")] = 0.05,
    min_accuracy: Annotated[float, typer.Option(min=0, max=1, help="Honest cases judged right, at least.")] = 0.75,
    max_bias: Annotated[float, typer.Option(min=0, help="Points for coming first or second, at most.")] = 1.0,
    min_consistency: Annotated[float, typer.Option(min=0, max=1, help="Same verdict when asked again.")] = 0.9,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Attack a judge with answers that say nothing, swap what it compares, ask it again; exit with 1 if it fails.

    What was found is kept, and `agentrl train` refuses language models that did not pass. With tournament.judge =
    'programmatic' and a function as tournament.quality that program is audited instead.

    Example: agentrl judge audit --set judge.url=http://127.0.0.1:8000/v1 --set judge.model=qwen3
    """
    from agentrl.agents.judges.audit import Bounds, save_audit

    resolved = Config.load(config, overrides or [])
    bounds = Bounds(max_fooled, min_accuracy, max_bias, min_consistency)
    if of == "pairs" and resolved.tournament.judge == "programmatic":
        found = _audit_program(resolved.tournament, resolved.seed, repeats, bounds)
    else:
        found, protocol = _audit_model(resolved, of, repeats, bounds)
        save_audit(resolved.judge.url, resolved.judge.model, protocol, found)
    problems = found.problems()
    if as_json:
        print_json({**dataclasses.asdict(found), "passed": not problems, "problems": problems})
    else:
        _tell(found, problems)
    if problems:
        raise typer.Exit(1)


def _audit_program(options: TournamentConfig, seed: int, repeats: int, bounds: Bounds) -> Audit:
    from agentrl.agents.judges.audit import audit_pairs
    from agentrl.agents.judges.latent import LatentJudge, quality_of

    if ":" not in options.quality:
        raise ConfigError(
            f"tournament.quality = {options.quality!r} is a reward channel, which the cases of the audit do not have;"
            " programs that read one need no audit"
        )
    judge = LatentJudge(quality_of(options.quality), options.noise, options.position_bias, seed=seed)
    return asyncio.run(audit_pairs([judge] * repeats, bounds))


def _audit_model(config: Config, of: Kind, repeats: int, bounds: Bounds) -> tuple[Audit, str]:
    """Ask a language model, and nothing that was answered before."""
    if not config.judge.url:
        raise ConfigError("no judge to audit: --set judge.url=http://host:8000/v1 --set judge.model=NAME")
    from agentrl.agents.judges.audit import audit_items, audit_pairs
    from agentrl.agents.judges.chat import Chat, ChatOptions
    from agentrl.agents.judges.llm import LLMJudge
    from agentrl.agents.judges.llm_pairs import LLMPairJudge

    kind: Callable[[Chat], Any] = LLMPairJudge if of == "pairs" else LLMJudge
    protocol = LLMPairJudge.protocol if of == "pairs" else LLMJudge.protocol
    run: Callable[[Sequence[Any], Bounds], Coroutine[Any, Any, Audit]] = audit_pairs if of == "pairs" else audit_items
    sampling: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0} if of == "pairs" else {}
    with tempfile.TemporaryDirectory() as folder:
        options = [ChatOptions.of(config.judge, **sampling, cache=Path(folder, f"{i}.sqlite")) for i in range(repeats)]
        chats = [Chat(o) for o in options]
        try:
            return asyncio.run(run([kind(chat) for chat in chats], bounds)), protocol
        finally:
            for chat in chats:
                chat.close()


def _tell(found: Audit, problems: list[str]) -> None:
    console = Console(highlight=False, markup=False)
    table = Table("attack", "false positives", box=None)
    for attack, share in found.fooled.items():
        table.add_row(repr(attack), f"{share:.0%}")
    console.print(table)
    console.print(f"\nright in honest cases  {found.accuracy:.0%}")
    if found.position_bias is not None and found.flips is not None:
        console.print(f"coming first is worth  {found.position_bias:+.2f} points")
        console.print(f"winner changes places  {found.flips:.0%} of honest pairs")
    console.print(f"same when asked again  {found.consistency:.0%} of {found.questions} questions\n")
    console.print("passed" if not problems else "failed: " + "; ".join(problems))
