"""`agentrl serve`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from agentrl.errors import MissingExtraError


def serve(
    env_ids: Annotated[
        list[str], typer.Argument(metavar="ENV_ID…", help="Registered ids, or module:Id-v0 of your own.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    unix_socket: Annotated[
        Path | None, typer.Option(help="Listen on a unix socket instead, which only its owner may use.")
    ] = None,
    max_sessions: Annotated[int, typer.Option(min=1, help="Sessions open at a time.")] = 2048,
    workers: Annotated[int, typer.Option(min=0, help="Processes that hold the environments; 0: the server's own.")] = 0,
    token: Annotated[
        str, typer.Option(envvar="AGENTRL_TOKEN", help="What clients must know; default: everybody may come.")
    ] = "",
    drain_s: Annotated[float, typer.Option(min=0, help="Seconds that open sessions may go on after SIGTERM.")] = 30.0,
) -> None:
    """Serve environments over HTTP and WebSocket: to agentrl, to clients of OpenEnv, to anybody's.

    Its documentation is at /docs.

    Examples:

        agentrl serve ALFWorld-v0 TextWorld-v0 --port 8000

        agentrl serve my_module:MyEnv-v0 --workers 4
    """
    try:
        from agentrl.envs.serving.server.run import Options, serve
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "uvicorn", "serve") from error
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(env_ids, Options(host, port, unix_socket, max_sessions, workers, token, drain_s))
