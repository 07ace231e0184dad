"""The server process: sockets, signals, and the end."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
import uvloop

from agentrl.envs.serving.server.app import create_app
from agentrl.envs.serving.server.catalogue import Catalogue
from agentrl.envs.serving.server.holder import LocalHolder
from agentrl.envs.serving.server.openenv_ws import Connection, Context
from agentrl.envs.serving.server.sessions import Sessions
from agentrl.envs.serving.server.workers import WorkerHolder
from agentrl.errors import ConfigError

_REAP_S = 0.5
_CLOSE_S = 5.0
"""For closing the environments at the end."""
_FILES = 65_536


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes a free one."""
    unix_socket: Path | None = None
    """Listen there instead; only its owner may connect."""
    max_sessions: int = 2048
    workers: int = 0
    """Processes that hold the environments; 0: this one does."""
    token: str = ""
    """What clients must know; "" lets everybody in."""
    drain_s: float = 30.0
    """Seconds that open sessions may go on after SIGTERM."""


def serve(env_ids: Sequence[str], options: Options) -> None:
    """Serve environments until SIGTERM or SIGINT.

    Raises:
        ConfigError, UnknownNameError, MissingExtraError: an environment cannot be made, or the address not be used.
    """
    listener = _listen(options)
    with listener:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most if 0 <= most < _FILES else _FILES, most))
        catalogue = Catalogue(env_ids)
        gc.collect()
        gc.freeze()  # what is loaded stays: it need not be looked through again
        uvloop.run(_serve(catalogue, env_ids, listener, options))
        catalogue.close()
    if options.unix_socket:
        options.unix_socket.unlink(missing_ok=True)


async def _serve(catalogue: Catalogue, env_ids: Sequence[str], listener: socket.socket, options: Options) -> None:
    workers = [WorkerHolder(env_ids, lambda *death: sessions.lose_all(*death)) for _ in range(options.workers)]
    for worker in workers:
        await worker.start()
    sessions = Sessions(workers or [LocalHolder()], options.max_sessions)
    connection = partial(Connection, Context(sessions, catalogue, options.token))
    config = uvicorn.Config(
        create_app(sessions, catalogue, options.token),
        http="httptools",
        ws=connection,  # type: ignore[arg-type]  # it is called as a class is
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    reaper = asyncio.create_task(_reap(sessions))
    server = Server(config, sessions, options.drain_s)
    await server.serve(sockets=[listener])
    reaper.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await sessions.close_all()
    for worker in workers:
        await worker.stop()


class Server(uvicorn.Server):
    """Ends when its sessions have, or after `drain_s`; at a second signal at once."""

    def __init__(self, config: uvicorn.Config, sessions: Sessions, drain_s: float) -> None:
        super().__init__(config)
        self._sessions, self._drain_s = sessions, drain_s
        self._until = float("inf")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        (listener,) = sockets or []
        name = listener.getsockname()
        at = f"unix:{name}" if listener.family == socket.AF_UNIX else _url(name)
        print(f"serving on {at}", flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._sessions.draining:
            self.should_exit = self.force_exit = True
        self._sessions.draining = True
        self._until = time.monotonic() + self._drain_s

    async def on_tick(self, counter: int) -> bool:
        if self._sessions.draining and (not len(self._sessions) or time.monotonic() > self._until):
            self.should_exit = True
        return await super().on_tick(counter)


async def _reap(sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(_REAP_S)
        sessions.expire()


def _listen(options: Options) -> socket.socket:
    """A bound socket, so that a wrong address is told before anything is loaded.

    Raises:
        ConfigError: the address cannot be used.
    """
    path = options.unix_socket
    try:
        if path is None:
            family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
            return socket.create_server((options.host, options.port), family=family, backlog=2048)
        if path.is_socket() and not _answers(path):
            path.unlink()  # left by a server that was killed
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(2048)
    except OSError as error:
        where = path or f"{options.host}:{options.port}"
        raise ConfigError(f"cannot listen on {where}: {error.strerror}; choose another --port or --host") from error
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _url(name: tuple[str, int]) -> str:
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"
