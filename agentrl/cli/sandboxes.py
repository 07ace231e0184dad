"""`agentrl sandboxes`: what is running on this host, and how to be rid of it."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, print_json
from agentrl.errors import ConfigError

app = typer.Typer(help="List and destroy sandboxes, whoever started them.", no_args_is_help=True)


@app.command()
def ls(as_json: Json = False) -> None:
    """List the sandboxes on this host: of which run, whether its process lives, when the lease ends.

    Example: agentrl sandboxes ls
    """
    from agentrl.sandboxes.reaper import find

    rows = [
        {
            "sandbox": found.lease.sandbox,
            "provider": found.provider,
            "run": found.lease.run,
            "status": found.status,
            "owner": found.lease.owner.pid,
            "owner_dead": found.lease.owner.dead,
            "expires_s": None if found.status == "snapshot" else round(found.lease.expires - time.time()),
        }
        for found in find()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("sandbox", "provider", "run", "status", "owner", "lasts", box=None)
    for row in rows:
        owner = f"{row['owner']}{' (dead)' if row['owner_dead'] else ''}"
        table.add_row(
            *(str(row[key]) for key in ("sandbox", "provider", "run", "status")), owner, f"{row['expires_s']} s"
        )
    Console().print(table if rows else "none")


@app.command()
def reap(
    run: Annotated[str, typer.Option(help="Destroy those of this run instead, in use or not.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Destroy all, in use or not.")] = False,
) -> None:
    """Destroy the sandboxes whose process has died, or whose lease is over.

    Example: agentrl sandboxes reap --run run-1a2b3c4d
    """
    from agentrl.sandboxes import reaper

    if run and everything:
        raise ConfigError("--all includes every run: leave out --run")
    print(f"{reaper.reap(run, everything=everything)} destroyed")
