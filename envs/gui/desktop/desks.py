"""The desktops of this process: one event loop, and some that are ready before anybody asks.

    from agentrl.envs.gui.desktop.desks import desks

    async def job():
        async with await desks().acquire() as desktop:
            return await desktop.screenshot()

    desks().call(job())                     # from any thread that has no event loop

Desktops are bound to the loop that they were made in, so all that is done with them is done through `call`. They go
with the process; after a fork the child has desks of its own.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import threading
import zipfile
from collections.abc import Coroutine
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from agentrl.envs.gui.desktop.session import HOME, RUN, Desktop, Size, Snapshot
from agentrl.errors import AgentRLError, ConfigError, InfraError, SandboxError
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.spec import MiB, SandboxSpec

SIZE = (1280, 800)
_READY, _AT_ONCE = 1, 64

T = TypeVar("T")


def spec(size: Size = SIZE) -> SandboxSpec:
    """A sandbox with a desktop in it, which has been seen to work when the sandbox is ready.

    Raises:
        ConfigError: no screen has that size.
    """
    if not all(320 <= length <= 4096 for length in size):
        raise ConfigError(f"a screen is 320 to 4096 pixels wide and high, not {size[0]} x {size[1]}")
    return SandboxSpec(
        IMAGES["desktop"].tag,
        cpu=min(2.0, os.cpu_count() or 1),
        memory=1536 * MiB,
        disk=384 * MiB,
        pids=1024,  # Chromium has hundreds of threads
        writable=(str(HOME), "/tmp"),
        lifetime_s=4 * 3600.0,
        deadline_s=120.0,
        setup=(
            f"printf %s '{_archive()}' | base64 -d > {RUN}.pyz && "
            f"/usr/bin/python3 {RUN}.pyz start {size[0]} {size[1]} {RUN}",
        ),
    )


class Desks:
    """Use `desks()`: one for each process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._pools: dict[Size, asyncio.Task[Pool]] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="agentrl-desktop", daemon=True).start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop of the desktops and wait for what it returns or raises.

        Raises:
            InfraError: this is a fork of the process whose desktops they are.
        """
        if os.getpid() != self._pid:
            work.close()
            raise InfraError("these desktops belong to the process that this one was forked from: reset the episode")
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

    async def acquire(self, size: Size = SIZE) -> Desktop:
        """A fresh desktop; who acquired it closes it.

        Raises:
            ConfigError, MissingExtraError: this machine cannot make desktops; the message says why.
            SandboxError: none could be started.
        """
        return Desktop(await (await self.pool(size)).acquire(), size)

    async def restore(self, snapshot: Snapshot) -> Desktop:
        """A desktop with the files of a snapshot and its programs started again; raises what `acquire` does."""
        pool = await self.pool(snapshot.size)
        sandbox = await pool.provider.create(replace(pool.spec, image=snapshot.image))
        return await Desktop.resumed(sandbox, snapshot.size, snapshot.programs)

    async def pool(self, size: Size = SIZE) -> Pool:
        """The one that desktops come from; raises what `acquire` does."""
        if size not in self._pools:
            self._pools[size] = asyncio.create_task(_open(size))
        opening = self._pools[size]
        try:
            return await asyncio.shield(opening)
        except AgentRLError:
            self._pools.pop(size, None)  # what was missing may be there the next time
            raise

    async def close(self) -> None:
        """Destroy all desktops; the next `acquire` starts anew."""
        pools = await asyncio.gather(*self._pools.values(), return_exceptions=True)
        self._pools.clear()
        for pool in pools:
            if isinstance(pool, Pool):
                await pool.close()
                await pool.provider.close()


def desks() -> Desks:
    """Those of this process."""
    with _lock:
        if not _desks:
            _desks.append(Desks())
        return _desks[0]


async def _open(size: Size) -> Pool:
    from agentrl.sandboxes.docker import DockerProvider

    wanted = spec(size)
    provider = await asyncio.to_thread(DockerProvider, "desktop")
    if not await provider.call(provider.client.images.list, wanted.image):
        await provider.close()
        raise SandboxError("image_missing", f"the engine has no image {wanted.image}: agentrl images build desktop")
    return Pool(provider, wanted, ready=_READY, limit=_AT_ONCE)


@cache
def _archive() -> str:
    """The program of the folder `inside`, as a zip file that Python runs, in base64."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        package = f"{__package__}.inside"
        archive.writestr("__main__.py", f"import runpy; runpy.run_module({package!r}, run_name='__main__')")
        folders = package.split(".")
        for depth in range(1, len(folders)):
            archive.writestr("/".join([*folders[:depth], "__init__.py"]), "")
        for file in resources.files(package).iterdir():
            if file.name.endswith(".py"):
                archive.writestr("/".join([*folders, file.name]), file.read_bytes())
    return base64.b64encode(out.getvalue()).decode()


_lock = threading.Lock()
_desks: list[Desks] = []


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _desks.clear()  # their threads are not in the child


os.register_at_fork(after_in_child=_forked)
