"""Sandboxes as containers of a Docker Engine.

What holds an untrusted command in: a user without privileges or capabilities, no-new-privileges, the engine's seccomp
filter, a read-only root, folders in memory of bounded size and number of files, cgroups for memory, CPU and processes,
no network, and nothing of the host mounted. With `runtime="runsc"` gVisor's kernel stands in between as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes import agent
from agentrl.sandboxes.agent.loop import LIFETIME_OVER
from agentrl.sandboxes.agent.processes import UNKILLABLE
from agentrl.sandboxes.engine import attach, connect, remove, remove_image, typed, written
from agentrl.sandboxes.handle import Body
from agentrl.sandboxes.lease import Lease
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import MiB, SandboxSpec

_log = logging.getLogger(__name__)

T = TypeVar("T")
USER = 65534
OPEN_FILES = 8192
BYTES_PER_FILE = 16 * 1024
"""One file for so many bytes of disk, as file systems commonly have it."""
GVISOR_THREADS = 256
"""What gVisor's kernel needs of the host for itself; when it gets no more, it dies, and the sandbox with it."""
WATCH_S = 5.0
"""How often the size of a writable root is looked at."""


class DockerProvider(AgentProvider):
    """Docker Engine through its SDK.

    Args:
        run: label of all that is started; default: a new one.
        runtime: the engine's name of an OCI runtime, e.g. `runsc`; default: the engine's own choice.
        base_url: the engine's address, `unix://…` or `tcp://…` without TLS; default: as the docker command has it.
        starts: containers that start at one time; more wait.

    Raises:
        MissingExtraError: the package `docker` is not installed.
        ConfigError: the engine runs that runtime without limits.
        SandboxError: no engine answers.
    """

    name = "docker"

    def __init__(self, run: str = "", *, runtime: str = "", base_url: str = "", starts: int = 4) -> None:
        super().__init__(run, starts=starts)
        self.runtime = runtime
        self.client = connect(base_url)
        arguments = self.client.info()["Runtimes"].get(runtime, {}).get("runtimeArgs", []) if runtime else []
        if "--ignore-cgroups" in arguments:
            raise ConfigError(f"the engine runs {runtime} with --ignore-cgroups: no limit would hold; remove that")
        self.snapshots: list[str] = []
        """Images committed from writable roots; they go with the provider."""
        self._threads = ThreadPoolExecutor(2 * starts + 2, "agentrl-docker")

    def body(self, spec: SandboxSpec, lease: Lease) -> Container:
        return Container(self, spec, lease)

    async def close(self) -> None:
        try:
            await super().close()
            while self.snapshots:
                await self.call(remove_image, self.client.api, self.snapshots.pop())
        finally:
            self._threads.shutdown()
            self.client.close()

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
        """A call of the SDK, which blocks, in a thread, its errors typed."""
        work = partial(typed, function, *args, **kwargs)
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


class Container(Body):
    """One container, known to the engine by the name of its sandbox, whatever answer of the engine was lost."""

    def __init__(self, provider: DockerProvider, spec: SandboxSpec, lease: Lease) -> None:
        self._provider, self._spec, self._lease = provider, spec, lease
        self._api: Any = provider.client.api
        self._pipe: Attached | None = None
        self._calls: set[asyncio.Future[Any]] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._over_disk = False

    async def start(self) -> Attached:
        try:
            await self._create()
        except SandboxError as error:
            if error.cause != "image_missing":
                raise
            await self._pull()
            await self._create()
        self._pipe = await Attached.open(await self._call(attach, self._api, self._lease.sandbox))
        await self._call(self._api.start, self._lease.sandbox)
        if self._spec.writable_root:
            self._watcher = asyncio.create_task(self._watch_disk())
        return self._pipe

    async def diagnose(self) -> SandboxError:
        name = self._lease.sandbox
        try:
            container = await self._call(self._api.inspect_container, name)
            for _ in range(100):  # the pipe may end a little before the container
                if not container["State"]["Running"]:
                    break
                await asyncio.sleep(0.02)
                container = await self._call(self._api.inspect_container, name)
        except SandboxError as error:
            return error
        state = container["State"]
        if self._over_disk:
            return SandboxError("disk_full", f"{name} wrote more than its {self._spec.disk:,} bytes and was destroyed")
        if state["ExitCode"] == LIFETIME_OVER:
            return SandboxError("lifetime", f"{name} reached the end of its {self._spec.lifetime_s:g} s")
        if state["ExitCode"] == UNKILLABLE:
            return SandboxError("killed", f"{name} ended itself: a process in it could not be killed")
        if state["OOMKilled"] and state["ExitCode"] == 128 + 9:
            return SandboxError("oom_killed", f"{name} used up its {self._spec.memory:,} bytes of memory")
        stderr = self._pipe.stderr.decode(errors="replace").strip() if self._pipe else ""
        return SandboxError("killed", f"{name} ended with {state['ExitCode']} {state['Error']} {stderr}".strip())

    async def destroy(self) -> None:
        if self._watcher:
            self._watcher.cancel()
        if self._calls:
            await asyncio.wait(self._calls)  # what is under way may still bring the container to life
        if self._pipe:
            self._pipe.close()
        await self._provider.call(remove, self._api, self._lease.sandbox)

    async def commit(self) -> str:
        tag = secrets.token_hex(6)
        labels = replace(self._lease, expires=math.inf).labels()
        changes = [f'LABEL "{key}"="{value}"' for key, value in labels.items()]
        self._provider.snapshots.append(f"agentrl/snapshot:{tag}")
        await self._call(self._api.commit, self._lease.sandbox, "agentrl/snapshot", tag, changes=changes)
        return f"agentrl/snapshot:{tag}"

    async def discard(self, image: str) -> None:
        self._provider.snapshots.remove(image)
        await self._provider.call(remove_image, self._api, image)

    def _call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
        """A call that goes on when its caller is cancelled; `destroy` waits for it."""
        call = self._provider.call(function, *args, **kwargs)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return asyncio.shield(call)

    def _create(self) -> asyncio.Future[Any]:
        spec, home = self._spec, self._spec.writable[0]
        share = _tmpfs(spec.disk // (len(spec.writable) + 1))
        folders = {} if spec.writable_root else dict.fromkeys(spec.writable, share)
        limits: list[dict[str, Any]] = [_ulimit("nofile", OPEN_FILES), _ulimit("core", 0)]
        if spec.writable_root:
            limits.append(_ulimit("fsize", spec.disk))
        host = self._api.create_host_config(
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=not spec.writable_root,
            tmpfs={**folders, "/dev/shm": share},
            mem_limit=spec.memory,
            memswap_limit=spec.memory,
            nano_cpus=int(spec.cpu * 1e9),
            pids_limit=spec.pids + (GVISOR_THREADS if self._provider.runtime.startswith("runsc") else 0),
            ulimits=limits,
            network_mode="none" if spec.network == "none" else "bridge",
            ipc_mode="private",
            runtime=self._provider.runtime or None,
            log_config={"Type": "none"},  # else output of commands would fill the host's disk
        )
        return self._call(
            self._api.create_container,
            spec.image,
            [*agent.argv(), str(spec.lifetime_s)],
            entrypoint=["python3"],
            name=self._lease.sandbox,
            hostname="sandbox",
            labels=self._lease.labels(),
            user="0:0" if spec.writable_root else f"{USER}:{USER}",
            environment={"HOME": home},
            working_dir=home,
            stdin_open=True,
            healthcheck={"test": ["NONE"]},
            host_config=host,
        )

    async def _pull(self) -> None:
        repository, _, tag = self._spec.image.rpartition(":")
        if not repository or "/" in tag:
            repository, tag = self._spec.image, "latest"
        try:
            await self._call(self._api.pull, repository, tag)
        except SandboxError as error:
            message = f"the engine neither has the image {self._spec.image} nor can it pull it: build it, or load it"
            raise SandboxError("image_missing", f"{message} ({error})") from error

    async def _watch_disk(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                size = await self._call(written, self._api, self._lease.sandbox)
                if size > self._spec.disk:
                    self._over_disk = True
                    await self._call(self._api.kill, self._lease.sandbox)
            except SandboxError as error:
                if error.cause == "killed":
                    return
                _log.warning("cannot look at the disk of %s now: %s", self._lease.sandbox, error)


class Attached:
    """The standard streams of a container over the connection that the engine's `attach` has become.

    The engine puts eight bytes before each piece of output: the stream's number and the length of the piece.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.stderr = b""
        """The end of what the agent wrote there: its last words."""

    @classmethod
    async def open(cls, connection: socket.socket) -> Attached:
        return cls(*await asyncio.open_connection(sock=connection, limit=4 * MiB))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def received(self) -> AsyncIterator[bytes]:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readexactly(8)
                data = await self._reader.readexactly(int.from_bytes(head[4:], "big"))
                if head[0] == 2:
                    self.stderr = (self.stderr + data)[-4096:]
                else:
                    yield data

    def close(self) -> None:
        self._writer.close()


def _tmpfs(size: int) -> str:
    files = max(1024, size // BYTES_PER_FILE)
    return f"rw,exec,nosuid,nodev,mode=1777,uid={USER},gid={USER},size={size},nr_inodes={files}"


def _ulimit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}
