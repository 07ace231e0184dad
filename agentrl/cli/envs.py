"""`agentrl envs`: what there is, whether it keeps the contract, and games for others to play."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, With, keywords, make_env, print_json
from agentrl.cli.watch import watch
from agentrl.errors import ConfigError, MissingExtraError, UnknownNameError

app = typer.Typer(help="List, check, watch and export environments.", no_args_is_help=True)
app.command()(watch)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the environments: id, family, splits, and what has to be installed first.

    Example: agentrl envs list
    """
    from agentrl.envs.catalog import entries

    found = entries()
    if as_json:
        print_json([e.to_dict() for e in found])
        return
    table = Table("id", "family", "what it is", "splits", "needs", box=None)
    for e in found:
        table.add_row(e.env_id, e.family, e.summary, ", ".join(e.splits), e.needs or "nothing more")
    Console().print(table)


@app.command()
def check(
    env_id: Annotated[str, typer.Argument(help="A registered id, or module:Id-v0 of your own.")],
    arguments: With = None,
    as_json: Json = False,
) -> None:
    """Check the whole contract for one environment; exits with code 1 if a property does not hold.

    Examples:

        agentrl envs check ALFWorld-v0

        agentrl envs check my_package.guess:Guess-v0 --with limit=20
    """
    from agentrl.envs.check import check as examine

    with make_env(env_id, arguments):
        pass  # a wrong id or argument is the caller's mistake, not a property of the environment
    report = examine(env_id, **keywords(arguments))
    print_json(report.to_dict()) if as_json else print(report)
    if not report.passed:
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    split: Annotated[str, typer.Option(help="Split to export.")] = "valid_unseen",
    games: Annotated[int | None, typer.Option(min=1, help="How many; default: the whole split.")] = None,
    as_json: Json = False,
) -> None:
    """Write generated ALFWorld games as folders that the original `alfworld` package plays.

    Example: agentrl envs export --split valid_unseen --games 10 --out games
    """
    from agentrl.envs.text.alfworld.export import export as write
    from agentrl.envs.text.alfworld.splits import SIZES, task_ids

    if split not in SIZES:
        raise UnknownNameError("split", split, SIZES)
    count = games if games is not None else (100 if split == "train" else SIZES[split])
    files = write(task_ids(split)[:count], out)
    if as_json:
        print_json([str(file) for file in files])
    else:
        print(f"{len(files)} games in {out}; play them with: export ALFWORLD_DATA={out}")


@app.command()
def site(
    env_id: Annotated[str, typer.Argument(help="An environment whose pages a browser can show.")] = "WebShop-v0",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    arguments: With = None,
) -> None:
    """Serve an environment as a web site, to be used in a browser. `/?task=ID` plays a certain task.

    Example: agentrl envs site WebShop-v0 --with split=test
    """
    with make_env(env_id, arguments) as env:
        make_site = getattr(env.core, "site", None)
        if make_site is None:
            raise ConfigError(f"{env_id} has no web site; WebShop-v0 has one")
        from agentrl.envs.web.shop.site import asgi

        app = asgi(make_site())
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("uvicorn", "shop") from error
    uvicorn.run(app, host=host, port=port, log_level="info")
