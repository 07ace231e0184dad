"""The sandboxes of this process for repositories and their tests: one event loop, one provider of each kind.

    from agentrl.envs.swe.workshop import workshop

    async def job():
        async with await workshop().acquire("process") as sandbox:      # from a pool: about 2 ms
            return await sandbox.run("pytest --version", 10)

    workshop().call(job())                                              # from any thread that has no event loop

Every sandbox has bash, tar, `python3` and, in `/opt/agentrl` (`toolbox.py`), pytest: put `toolbox.SITE` into PYTHONPATH
and `toolbox.BIN` into PATH. It may write `/workspace` and `/tmp`, in memory, and has no network.

Sandboxes are bound to the loop that they were made in, so all that is done with them is done through `call`. They go
with the process; after a fork the child has a workshop of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from agentrl.envs.swe.toolbox import INSIDE, toolbox
from agentrl.errors import AgentRLError, ConfigError, InfraError, SandboxError, UnknownNameError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.process import ProcessProvider
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import GiB, MiB, SandboxSpec

PROVIDERS = ("auto", "docker", "process", "runsc")
"""`auto` is docker where an engine answers and has the image, else process."""

T = TypeVar("T")

_LIMITS: dict[str, Any] = {"memory": GiB, "disk": 384 * MiB, "pids": 128, "lifetime_s": 4 * 3600.0, "deadline_s": 60.0}
_READY, _AT_ONCE = 2, 256


class Workshop:
    """Use `workshop()`: one for each process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._pools: dict[tuple[str, tuple[str, ...]], asyncio.Task[Pool]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agentrl-swe", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the workshop's loop and wait for what it returns or raises.

        Raises:
            InfraError: this is a fork of the process whose workshop it is.
        """
        if os.getpid() != self._pid:
            work.close()
            raise InfraError("these sandboxes belong to the process that this one was forked from: reset the episode")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # nobody waits any more, if it was Ctrl-C
            raise

    def chore(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start something that nobody waits for; does nothing in a fork of the process. May be called anywhere."""
        if os.getpid() == self._pid and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(work, self._loop)
        else:
            work.close()

    async def acquire(self, kind: str = "auto", image: str = "", requirements: tuple[str, ...] = ()) -> Handle:
        """A fresh sandbox; who acquired it closes it.

        Args:
            kind: of `PROVIDERS`.
            image: one that has what a repository needs, for docker and runsc; "" for the one with pytest alone, of
                which some are kept ready.
            requirements: instead of an image, what a repository needs beside pytest (`Repository.requirements`).

        Raises:
            UnknownNameError: there is no such kind.
            ConfigError, MissingExtraError: this machine cannot make sandboxes of this kind; the message says why.
            SandboxError: none could be started.
        """
        pool = await self.pool(kind, requirements)
        if not image:
            return await pool.acquire()
        if pool.spec.image == "host":
            raise ConfigError(f"the tests of this task need the image {image}: use sandbox='docker'")
        return await pool.provider.create(SandboxSpec(image, **_LIMITS))

    async def pool(self, kind: str, requirements: tuple[str, ...] = ()) -> Pool:
        """The one that sandboxes of a kind come from, with its provider and its spec; raises what `acquire` does."""
        if kind not in PROVIDERS:
            raise UnknownNameError("sandbox", kind, PROVIDERS)
        key = kind, requirements
        if key not in self._pools:
            self._pools[key] = asyncio.create_task(self._open(*key))
        opening = self._pools[key]
        try:
            return await asyncio.shield(opening)
        except AgentRLError:
            self._pools.pop(key, None)  # what was missing may be there the next time
            raise

    async def close(self) -> None:
        """Destroy all sandboxes; the next `acquire` starts anew."""
        pools = await asyncio.gather(*self._pools.values(), return_exceptions=True)
        self._pools.clear()
        for pool in pools:
            if isinstance(pool, Pool):
                await pool.close()
                await pool.provider.close()

    async def _open(self, kind: str, requirements: tuple[str, ...]) -> Pool:
        if kind != "auto":
            make = _process if kind == "process" else _docker
            provider, image = await asyncio.to_thread(make, kind, requirements)
        else:
            try:
                provider, image = await asyncio.to_thread(_docker, "docker", requirements)
            except AgentRLError as no_docker:
                try:
                    provider, image = await asyncio.to_thread(_process, "process", requirements)
                except AgentRLError as error:
                    raise ConfigError(f"no sandboxes here. docker: {no_docker}. process: {error}") from error
        return Pool(provider, SandboxSpec(image, **_LIMITS), ready=_READY, limit=_AT_ONCE)


def workshop() -> Workshop:
    """That of this process."""
    with _lock:
        if not _workshops:
            _workshops.append(Workshop())
        return _workshops[0]


def _process(kind: str, requirements: tuple[str, ...]) -> tuple[AgentProvider, str]:
    return ProcessProvider("swe", tools={INSIDE: toolbox(requirements)}), "host"


def _docker(kind: str, requirements: tuple[str, ...]) -> tuple[AgentProvider, str]:
    from agentrl.envs.swe.outfit import outfit
    from agentrl.sandboxes.docker import DockerProvider

    provider, image = DockerProvider("swe", runtime="runsc" if kind == "runsc" else ""), IMAGES["swe"].tag
    try:
        if kind == "runsc" and "runsc" not in provider.client.info()["Runtimes"]:
            raise ConfigError("the engine has no runtime runsc: install gVisor and name it in /etc/docker/daemon.json")
        if not provider.client.images.list(image):
            raise SandboxError("image_missing", f"the engine has no image {image}: agentrl images build swe")
        if requirements:
            image = outfit(provider.client, image, requirements)
    except BaseException:
        provider.client.close()
        raise
    return provider, image


_lock = threading.Lock()
_workshops: list[Workshop] = []


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _workshops.clear()  # their threads are not in the child


os.register_at_fork(after_in_child=_forked)
