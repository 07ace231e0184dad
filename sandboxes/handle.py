"""The host's handle of a sandbox with our agent in it, whatever the sandbox is made of."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes import state
from agentrl.sandboxes.agent.frames import CHUNK
from agentrl.sandboxes.channel import Channel, Pipe
from agentrl.sandboxes.lease import Lease
from agentrl.sandboxes.relay import Relay, wait_for
from agentrl.sandboxes.spec import Completed, MiB, Sandbox, SandboxSpec

GRACE_S = 10.0
"""Seconds beyond a time limit in which the agent must have kept it; then the sandbox has failed."""
TEARDOWN_S = 60.0
"""Seconds in which a sandbox must be gone."""


class Body(ABC):
    """What a sandbox is made of: a container, a tree of processes."""

    @abstractmethod
    async def start(self) -> Pipe:
        """Start the agent. May be cancelled; `destroy` clears up whatever there is then."""

    @abstractmethod
    async def diagnose(self) -> SandboxError:
        """Why the agent is gone."""

    @abstractmethod
    async def destroy(self) -> None:
        """Leave nothing. May be called at any time, and again."""

    async def commit(self) -> str:
        """The image of a writable root."""
        raise ConfigError("this provider has no images: it cannot snapshot a writable root")

    async def discard(self, image: str) -> None:
        """Remove an image that `commit` made."""
        raise ConfigError("this provider has no images")


class Handle(Sandbox):
    """A sandbox. Made by a provider, and bound to the event loop that it was made in."""

    def __init__(
        self,
        spec: SandboxSpec,
        lease: Lease,
        body: Body,
        channel: Channel,
        create: Callable[[SandboxSpec], Awaitable[Handle]],
    ) -> None:
        self._spec, self.lease, self._body, self.channel, self._create = spec, lease, body, channel, create
        self.twin = create
        """How `fork` gets another one of this spec: from the provider, or from the pool that this one came from."""
        self.on_close: list[Callable[[Handle], None]] = []
        self._relays: dict[str, Relay] = {}
        self._image = ""
        """Of the spec, if it goes with the sandbox."""
        self._packing = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.lease.sandbox

    @property
    def spec(self) -> SandboxSpec:
        return self._spec

    async def run(
        self, command: str, timeout_s: float, *, stdin: bytes = b"", workdir: str = "", output_limit: int = MiB
    ) -> Completed:
        if not (0 < timeout_s < float("inf") and 0 < output_limit <= 64 * MiB):
            raise ConfigError(
                f"the limits of a command must be positive, that of its output at most 64 MiB, not {timeout_s!r} s and "
                f"{output_limit!r} bytes"
            )
        if len(stdin) > 64 * MiB or len(command.encode()) >= 128 * 1024:
            raise ConfigError("a command has at most 128 KiB, and its input 64 MiB: write more to a file")
        async with self._deadline(timeout_s + GRACE_S, "run"):
            header, body = await self.channel.request(
                "run", stdin, command=command, timeout_s=timeout_s, workdir=workdir, output_limit=output_limit
            )
        try:
            split = int(header["stdout"])
            return Completed(
                exit_code=None if header["exit_code"] is None else int(header["exit_code"]),
                stdout=body[:split],
                stderr=body[split:],
                seconds=float(header["seconds"]),
                truncated=bool(header["truncated"]),
                oom_killed=bool(header["oom_killed"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SandboxError("corrupt", f"{self.name} answers a command with {header}") from error

    async def read(self, path: PurePosixPath, *, limit: int = 64 * MiB) -> bytes:
        content = bytearray()
        while True:
            async with self._deadline(GRACE_S, "read"):
                _, chunk = await self.channel.request("read", path=_absolute(path), offset=len(content))
            content += chunk
            if len(content) > limit:
                raise OSError(errno.EFBIG, f"{os.strerror(errno.EFBIG)} (more than {limit:,} bytes)", str(path))
            if len(chunk) < CHUNK:
                return bytes(content)

    async def write(self, path: PurePosixPath, content: bytes, *, mode: int = 0o644) -> None:
        for offset in range(0, len(content) or 1, CHUNK):
            chunk = content[offset : offset + CHUNK]
            async with self._deadline(GRACE_S, "write"):
                await self.channel.request("write", chunk, path=_absolute(path), offset=offset, mode=mode)

    async def socket(self, path: PurePosixPath, *, timeout_s: float = 30.0) -> Path:
        inside = _absolute(path)
        async with self._deadline(timeout_s + GRACE_S, "connect"):
            await wait_for(self.channel, inside, timeout_s)
        if inside not in self._relays:
            outside = state.own() / self.name / f"{len(self._relays)}.sock"
            outside.parent.mkdir(exist_ok=True)
            self._relays[inside] = Relay(self.channel, inside, outside)
            await self._relays[inside].listen()
        return self._relays[inside].outside

    async def snapshot(self) -> str:
        if self.spec.writable_root:
            return await self._body.commit()
        name = f"snapshot/{secrets.token_hex(6)}"
        path = snapshot_file(name)
        path.parent.mkdir(exist_ok=True)
        with path.with_suffix(".part").open("wb") as file:
            async with aclosing(self.pack()) as chunks:
                async for chunk in chunks:
                    file.write(chunk)
        path.with_suffix(".image").write_text(base_image(self.spec.image))
        path.with_suffix(".part").rename(path)
        return name

    async def fork(self) -> Handle:
        if self.spec.writable_root:
            image = await self._body.commit()
            twin = await self._create(replace(self.spec, image=image, setup=()))
            twin._image = image
            return twin
        twin = await self.twin(self.spec)
        try:
            async with aclosing(self.pack()) as chunks:
                await twin.unpack(chunks)
        except BaseException:
            await twin.close()
            raise
        return twin

    async def pack(self) -> AsyncGenerator[bytes, None]:
        """All written files as a tar stream, while the processes stand still.

        Raises:
            SandboxError: they are larger than the disk: files with holes.
        """
        size = 0
        async with self._packing:
            stream = await self._open("pack")
            try:
                while True:
                    async with self._deadline(TEARDOWN_S, "copy"):
                        header, chunk = await self.channel.request("pull", stream=stream)
                    size += len(chunk)
                    if size > 2 * self.spec.disk:
                        raise SandboxError("disk_full", f"the files of {self.name} have holes and do not fit its disk")
                    if header["end"]:
                        break
                    yield chunk
            finally:
                if not self.channel.broken:
                    await self.channel.request("close", stream=stream)
                    await self.channel.request("resume")

    async def unpack(self, chunks: AsyncIterator[bytes]) -> None:
        """Replace all written files by those of a tar stream."""
        stream = await self._open("unpack")
        async for chunk in chunks:
            async with self._deadline(TEARDOWN_S, "copy"):
                await self.channel.request("push", chunk, stream=stream)
        async with self._deadline(TEARDOWN_S, "copy"):
            await self.channel.request("push", stream=stream)
        await self.channel.request("close", stream=stream)

    async def ping(self, timeout_s: float = 1.0) -> bool:
        """Whether the agent answers."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.channel.request("ping")
        except (SandboxError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for relay in self._relays.values():
            await relay.close()
        await self.channel.close()
        try:
            async with asyncio.timeout(TEARDOWN_S):
                await self._body.destroy()
                if self._image:
                    await self._body.discard(self._image)
        except TimeoutError:
            raise SandboxError("deadline", f"{self.name} was not gone within {TEARDOWN_S:g} s") from None
        finally:
            shutil.rmtree(state.own() / self.name, ignore_errors=True)
            for callback in self.on_close:
                callback(self)

    async def _open(self, op: str) -> int:
        async with self._deadline(GRACE_S, op):
            header, _ = await self.channel.request(op, paths=self.spec.writable)
        return int(header["stream"])

    @asynccontextmanager
    async def _deadline(self, seconds: float, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds) as timer:
                yield
        except TimeoutError:
            if not timer.expired():
                raise
            raise SandboxError("deadline", f"{self.name} did not answer to {what!r} within {seconds:g} s") from None


def snapshot_file(name: str) -> Path:
    """Where a snapshot lies, or would lie."""
    return state.own() / PurePosixPath(name).parent / f"{PurePosixPath(name).name}.tar"


def base_image(image: str) -> str:
    """The image of which `image` may be a snapshot.

    Raises:
        SandboxError: it is a snapshot's name, and there is none.
    """
    if not image.startswith("snapshot/"):
        return image
    try:
        return snapshot_file(image).with_suffix(".image").read_text()
    except FileNotFoundError:
        raise SandboxError("image_missing", f"{image} is no snapshot of this process") from None


def _absolute(path: PurePosixPath) -> str:
    if not path.is_absolute():
        raise ConfigError(f"a path in a sandbox is absolute, unlike {str(path)!r}")
    return str(path)
