"""`agentrl images`: build the container images, and list those that are here."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, print_json

app = typer.Typer(help="Build and list container images.", no_args_is_help=True)


@app.command()
def build(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="base, text, train; default: all.")
    ] = None,
    base: Annotated[
        str, typer.Option(metavar="IMAGE", help="Start from this image with Python, e.g. python:3.12-slim.")
    ] = "",
    ca_bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificates (PEM) that this network asks for; not kept.")
    ] = None,
) -> None:
    """Build images, and those that they start from.

    They start from python:3.11-slim where a registry is in reach, and from Debian packages where none is.

    Example: agentrl images build text
    """
    from agentrl.sandboxes.images.build import build as make

    console, start = Console(), time.monotonic()
    with console.status("") as status:

        def tell(what: str) -> None:
            status.update(what)
            if not console.is_terminal:
                print(f"{time.monotonic() - start:6.1f} s  {what}", flush=True)

        built = make(names or [], origin=base, ca_bundle=ca_bundle, tell=tell)
    for image in built:
        print(f"{image.tag}: {image.size / 1e6:.0f} MB, from {image.base}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the images of agentrl that are here.

    Example: agentrl images list --json
    """
    from agentrl.sandboxes.images.local import find

    found = find()
    if as_json:
        print_json([asdict(image) for image in found])
        return
    table = Table("image", "size", "digest", "created", "starts from", box=None)
    for image in found:
        digest = image.digest.removeprefix("sha256:")[:12]
        table.add_row(image.tag, f"{image.size / 1e6:.0f} MB", digest, image.created[:10], image.base)
    Console().print(table)
