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
import zipfile
from dataclasses import replace
from functools import cache
from importlib import resources

from agentrl.envs.gui.desktop.session import HOME, RUN, Desktop, Size, Snapshot
from agentrl.envs.own_loop import PerProcess, SandboxPools
from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.spec import MiB, SandboxSpec

SIZE = (1280, 800)
_READY, _AT_ONCE = 1, 64


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


class Desks(SandboxPools[Size]):
    """Use `desks()`: one for each process."""

    name = "desktop"

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
        return await self.opened(size)

    async def _open(self, key: Size) -> Pool:
        from agentrl.sandboxes.docker import DockerProvider

        wanted = spec(key)
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


desks = PerProcess(Desks)
"""Those of this process."""
