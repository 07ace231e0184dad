"""`agentrl methods`: the named compositions of credit and loss."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, print_json

app = typer.Typer(help="List and show training methods.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the methods with the papers they come from.

    Example: agentrl methods list
    """
    from agentrl.trainers.methods import METHODS

    if as_json:
        print_json([{"name": m.name, "paper": m.paper, "summary": m.summary} for m in METHODS.values()])
        return
    table = Table("name", "arXiv", "summary", box=None)
    for m in METHODS.values():
        table.add_row(m.name, m.paper, m.summary)
    Console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `agentrl methods list`.")], as_json: Json = False
) -> None:
    """Show one method: its parts, and every field that `--set rl.overrides.FIELD=VALUE` changes.

    Example: agentrl methods show gigpo
    """
    from agentrl.trainers.methods import get_method

    method = get_method(name)
    if as_json:
        print_json({"name": method.name, "paper": method.paper, "summary": method.summary, "fields": method.fields()})
        return
    console = Console(highlight=False)
    console.print(f"[bold]{method.name}[/bold] (arXiv {method.paper}): {method.summary}")
    console.print(f"credit {type(method.credit).__name__}, critic {'yes' if method.needs_critic else 'no'}")
    table = Table("field", "value", box=None)
    for field, value in method.fields().items():
        table.add_row(field, repr(value))
    console.print(table)
