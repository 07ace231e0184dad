"""What all providers with our agent have in common: deadlines, bounded starts, set-up, leases, the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from typing import Any

from agentrl.errors import SandboxError
from agentrl.sandboxes import reaper
from agentrl.sandboxes.agent.frames import CHUNK
from agentrl.sandboxes.channel import Channel
from agentrl.sandboxes.handle import Body, Handle, base_image, snapshot_file
from agentrl.sandboxes.lease import Lease
from agentrl.sandboxes.spec import Provider, SandboxSpec

_log = logging.getLogger(__name__)


class AgentProvider(Provider):
    """A provider whose sandboxes run our agent.

    Args:
        run: label of all that is started; default: a new one.
        starts: sandboxes that start at one time; more wait. An engine asked for dozens at once serves none in time.
    """

    def __init__(self, run: str = "", *, starts: int = 4) -> None:
        self.run = run or f"run-{secrets.token_hex(4)}"
        self.live: set[Handle] = set()
        self._starts = asyncio.Semaphore(starts)
        self._chores: set[asyncio.Task[Any]] = set()
        self._begun = False

    @abstractmethod
    def body(self, spec: SandboxSpec, lease: Lease) -> Body:
        """What a sandbox will be made of.

        Raises:
            ConfigError: a limit of the spec cannot be kept.
        """

    async def create(self, spec: SandboxSpec) -> Handle:
        lease = Lease.new(self.run, spec.lifetime_s)
        base = replace(spec, image=base_image(spec.image))
        body = self.body(base, lease)
        if not self._begun:
            self._begun = True
            reaper.watch()
            self.chore(asyncio.to_thread(reaper.reap))
        channel: Channel | None = None
        try:
            async with asyncio.timeout(spec.deadline_s):
                async with self._starts:
                    channel = Channel(await body.start(), body.diagnose)
                    await channel.ready()
                sandbox = Handle(spec, lease, body, channel, self.create)
                await self._prepare(sandbox)
        except BaseException as error:
            if channel:
                await channel.close()
            self.chore(body.destroy())
            if isinstance(error, TimeoutError):
                message = f"the sandbox was not ready within {spec.deadline_s:g} s"
                raise SandboxError("deadline", message) from None
            raise
        self.live.add(sandbox)
        sandbox.on_close.append(self.live.discard)
        return sandbox

    async def _prepare(self, sandbox: Handle) -> None:
        spec = sandbox.spec
        if base_image(spec.image) != spec.image:
            await sandbox.unpack(_chunks(spec.image))
        for command in spec.setup:
            done = await sandbox.run(command, spec.deadline_s)
            if not done.ok:
                text = (done.stderr or done.stdout)[-2000:].decode(errors="replace")
                raise SandboxError("setup_failed", f"{command!r} ended with {done.exit_code}: {text.strip()}")

    async def reap(self, run: str) -> int:
        return await asyncio.to_thread(reaper.reap, run)

    async def close(self) -> None:
        ends = await asyncio.gather(*(sandbox.close() for sandbox in self.live), return_exceptions=True)
        if self._chores:
            await asyncio.wait(self._chores)
        for error in filter(None, ends):
            raise error

    def chore(self, work: Coroutine[Any, Any, Any]) -> None:
        """Something to finish before the provider is closed, though nobody waits for it now."""

        async def finish() -> None:
            try:
                await work
            except SandboxError as error:
                _log.warning("left to the reaper: %s", error)

        task = asyncio.ensure_future(finish())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def _chunks(snapshot: str) -> AsyncIterator[bytes]:
    with contextlib.closing(snapshot_file(snapshot).open("rb")) as file:
        while chunk := file.read(CHUNK):
            yield chunk
