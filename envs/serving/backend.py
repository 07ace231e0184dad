"""`gym.make(id, backend="docker")`: the environment in a container, played as on any server.

One container serves all sessions of this process. It is a sandbox like others: no network, no privileges, and a server
of ours that listens on a Unix socket in it, which the sandbox's channel carries to a private folder here. When it dies
it is started anew at the same address, so that environments made with `recover=True` go on.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import shlex
import shutil
import socket
import threading
import time
from concurrent.futures import Future
from pathlib import Path, PurePosixPath

from agentrl.errors import ConfigError, InfraError, SandboxError, UnknownNameError
from agentrl.registry import ENVIRONMENTS
from agentrl.sandboxes import Sandbox, SandboxSpec, state
from agentrl.sandboxes.docker import DockerProvider
from agentrl.sandboxes.engine import remove
from agentrl.sandboxes.images.catalog import IMAGES, Image
from agentrl.sandboxes.spec import GiB

BACKENDS = ("docker",)
_SOCKET = PurePosixPath("/workspace/env.sock")
_LIFETIME_S = 14 * 86400.0
_STEADY_S = 10.0
"""A server that ran for so long did not fail by its start."""
_ATTEMPTS = 4
"""Starts in a row that may fail."""

_log = logging.getLogger(__name__)


def address(env_id: str, backend: str) -> str:
    """Where a server in a container of this process plays `env_id`; the container is started if there is none.

    Raises:
        UnknownNameError: there is no such backend.
        ConfigError: no image holds this environment.
        SandboxError: the container, or the server in it, does not start; the message says what to do.
        MissingExtraError: the package `docker` is not installed.
    """
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)
    image = _image_of(env_id)
    with _lock:
        server = _servers.get(image.name)
        if server is None or not server.alive:
            server = _servers[image.name] = ContainerServer(image)
    return server.address()


def _image_of(env_id: str) -> Image:
    extra = ENVIRONMENTS[env_id].extra if env_id in ENVIRONMENTS else None
    for image in IMAGES.values():
        if extra in (image.extras or ()):
            return image
    held = [entry.env_id for entry in ENVIRONMENTS.values()]
    raise ConfigError(
        f"no image of ours holds {env_id}: backend='docker' plays {', '.join(held)}; "
        "serve others from a container of yours with agentrl serve, and give its url"
    )


class ContainerServer:
    """A container with a server in it, kept alive until this process ends."""

    def __init__(self, image: Image) -> None:
        ids = [entry.env_id for entry in ENVIRONMENTS.values() if entry.extra in (image.extras or ())]
        self._command = f"exec agentrl serve {shlex.join(ids)} --unix-socket {_SOCKET}"
        self._image, self._pid = image, os.getpid()
        self._path = state.own() / f"{image.name}.sock"
        self._provider = DockerProvider("backend")
        cores = float(self._provider.client.info()["NCPU"])
        self._spec = SandboxSpec(image.tag, cpu=cores, memory=4 * GiB, lifetime_s=_LIFETIME_S, deadline_s=60)
        self._sandbox: Sandbox | None = None
        self._ready: Future[None] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"agentrl-{image.name}", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    @property
    def alive(self) -> bool:
        """Whether it serves, or will, or is being started anew."""
        return self._thread.is_alive()

    def address(self) -> str:
        """Its address, once it serves; where it has just died, once another has taken its place.

        Raises:
            SandboxError: it does not start.
        """
        self._ready.result()
        until = time.monotonic() + self._spec.deadline_s
        while not _listens(self._path) and self.alive and time.monotonic() < until:
            time.sleep(0.05)
        return f"unix:{self._path}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._keep())
            except BaseException as error:
                if self._ready.done():
                    raise
                self._ready.set_exception(error)  # for those who wait

    async def _keep(self) -> None:
        failures = 0
        async with self._provider:
            while failures < _ATTEMPTS:
                started = time.monotonic()
                try:
                    await self._serve()
                except InfraError as error:
                    if not self._ready.done():
                        raise
                    _log.warning("%s; starting it anew", error)
                failures = 1 if time.monotonic() - started > _STEADY_S else failures + 1
                await asyncio.sleep(0.1 * 2**failures)
        _log.error("the server in %s failed %d times in a row: giving up", self._spec.image, failures)

    async def _serve(self) -> None:
        """Start a container and stay as long as it serves.

        Raises:
            SandboxError: it did not start, or it ended.
        """
        try:  # before the provider would pull the name from a registry, where anybody may have taken it
            await self._provider.call(self._provider.client.images.get, self._spec.image)
        except SandboxError as error:
            hint = f"; build it: agentrl images build {self._image.name}" if error.cause == "image_missing" else ""
            raise SandboxError(error.cause, f"no container of {self._spec.image}: {error}{hint}") from error
        async with await self._provider.create(self._spec) as self._sandbox:
            server = asyncio.create_task(self._sandbox.run(self._command, _LIFETIME_S))
            listening = asyncio.create_task(self._sandbox.socket(_SOCKET))
            try:
                await asyncio.wait((server, listening), return_when=asyncio.FIRST_COMPLETED)
                if not server.done():
                    _link(self._path, await listening)
                    if not self._ready.done():
                        self._ready.set_result(None)
                done = await server
            except OSError as error:
                raise SandboxError("deadline", f"the server in {self._spec.image} does not listen: {error}") from error
            finally:
                listening.cancel()
                server.cancel()
                await asyncio.gather(listening, server, return_exceptions=True)
        said = (done.stderr or done.stdout)[-2000:].decode(errors="replace").strip()
        raise SandboxError("killed", f"the server in {self._spec.image} ended with {done.exit_code}: {said}")

    def _end(self) -> None:
        """Remove the container at the end of the process, where pools of threads work no more."""
        if os.getpid() != self._pid or not self.alive:
            return
        self._loop.call_soon_threadsafe(threading.Event().wait)  # so that nothing is started in its place
        if self._sandbox:
            remove(self._provider.client.api, self._sandbox.name)
            shutil.rmtree(state.own() / self._sandbox.name, ignore_errors=True)
        self._path.unlink(missing_ok=True)


def _link(path: Path, target: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


_lock = threading.Lock()
_servers: dict[str, ContainerServer] = {}
os.register_at_fork(after_in_child=_servers.clear)  # their threads are not in the child


def _listens(path: Path) -> bool:
    """Whether somebody accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True
