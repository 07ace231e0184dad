"""`agentrl methods`: the named compositions of rewards, credit and loss."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, print_json

if TYPE_CHECKING:
    from agentrl.trainers.methods import Method

app = typer.Typer()


@app.callback(invoke_without_command=True)
def methods(context: typer.Context) -> None:
    """List training methods, or show one."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the methods with the papers they come from and the parts they are made of.

    Example: agentrl methods list
    """
    from agentrl.trainers.methods import METHODS

    if as_json:
        print_json([_record(m) for m in METHODS.values()])
        return
    table = Table("name", "arXiv", "rewards", "credit", "loss", "summary", box=None)
    for m in METHODS.values():
        table.add_row(m.name, m.paper, _rewards(m), _credit(m), _loss(m), m.summary)
    Console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `agentrl methods list`.")], as_json: Json = False
) -> None:
    """Show one method: its equations, and every field that `--set rl.overrides.FIELD=VALUE` changes.

    Example: agentrl methods show gigpo
    """
    from agentrl.trainers.methods import get_method

    method = get_method(name)
    if as_json:
        print_json(_record(method))
        return
    console = Console(highlight=False, markup=False)
    console.print(f"{method.name} (arXiv {method.paper}): {method.summary}", style="bold")
    console.print(
        f"\nRewards: {_rewards(method)}\n\n{_credit(method)}: {_equations(method)}\n\nLoss:\n", soft_wrap=True
    )
    for line in method.loss.equations(critic=method.needs_critic):
        console.print(f"    {line}", soft_wrap=True)
    if method.lookahead != "none":
        console.print(f"\nRollouts: from lookahead trees, at the level {method.lookahead} (see the section lookahead)")
    console.print()
    table = Table("field", "value", box=None)
    for field, value in method.fields().items():
        table.add_row(field, repr(value))
    console.print(table)


def _record(method: Method) -> dict[str, Any]:
    return {
        "name": method.name,
        "paper": method.paper,
        "summary": method.summary,
        "rewards": method.rewards,
        "credit": type(method.credit).__name__,
        "critic": method.needs_critic,
        "lookahead": method.lookahead,
        "fields": method.fields(),
        "equations": {"credit": _equations(method), "loss": method.loss.equations(critic=method.needs_critic)},
    }


def _equations(method: Method) -> str:
    """The docstring of a credit holds its equations."""
    return inspect.getdoc(type(method.credit)) or ""


def _rewards(method: Method) -> str:
    return ", ".join(name if weight == 1 else f"{weight} {name}" for name, weight in method.rewards.items())


def _credit(method: Method) -> str:
    """Name of the credit, and the fields in which it differs from its own defaults."""
    kind: Any = type(method.credit)
    default, here = kind(), method.credit
    name: str = kind.__name__
    changed = [
        f"{f}={getattr(here, f)!r}" for f in kind.__dataclass_fields__ if getattr(here, f) != getattr(default, f)
    ]
    return name + (f"({', '.join(changed)})" if changed else "") + (" + critic" if method.needs_critic else "")


def _loss(method: Method) -> str:
    loss = method.loss
    kl = "" if loss.kl == "none" else f", {loss.kl_coef:g} {loss.kl} in {loss.kl_in}"
    ratio = "" if loss.ratio == "token" else f"{loss.ratio} ratio, "
    return f"{ratio}clip {loss.clip_low:g}/{loss.clip_high:g}, {loss.aggregation}{kl}"
