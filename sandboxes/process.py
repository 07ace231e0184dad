"""Sandboxes as processes of the host in namespaces of their own, made by bubblewrap. No engine, no images.

What holds an untrusted command in: a user without privileges or capabilities, namespaces for users, processes, mounts,
network, IPC and host name, no new user namespaces, a file system of nothing but the host's /usr, read-only, and one
file system in memory of bounded size and number of files, and a control group for memory, CPU and processes. There is
no seccomp filter: the whole kernel interface is within reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path, PurePosixPath

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes import agent
from agentrl.sandboxes.agent.loop import LIFETIME_OVER
from agentrl.sandboxes.agent.processes import UNKILLABLE
from agentrl.sandboxes.cgroup import Cgroup, parents
from agentrl.sandboxes.handle import Body
from agentrl.sandboxes.lease import Lease
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import SandboxSpec

USER = 65534
OPEN_FILES = 8192
BYTES_PER_FILE = 16 * 1024
"""One file for so many bytes of disk, as file systems commonly have it."""
PROGRAMS = {"bwrap": "bubblewrap", "python3": "python3", "setpriv": "util-linux", "unshare": "util-linux"}
"""What must be on the host, and the Debian packages it comes from."""

_ETC = ("ld.so.cache", "alternatives", "ssl/certs", "localtime")
_ETC_WITH_NETWORK = ("resolv.conf", "hosts", "nsswitch.conf")


class ProcessProvider(AgentProvider):
    """Namespaces of Linux through bubblewrap. `image="host"` is the host's own /usr, read-only.

    Args:
        run: label of all that is started; default: a new one.
        roots: further images: folders with the file system of a Linux distribution, by name.
        per_process: what to do without a control group that we may write: refuse every spec (False), or approximate
            its limits by those of a single process (True): memory holds for each process, and not for all together;
            `cpu` is rounded up to whole cores.
        tools: folders of the host that every sandbox gets, read-only, by their path in there. The host's other folders
            may be closed to the sandbox's user; these need not be open to it above themselves.
        starts: sandboxes that start at one time; more wait.

    Raises:
        ConfigError: a program is missing.
    """

    name = "process"

    def __init__(
        self,
        run: str = "",
        *,
        roots: Mapping[str, Path] | None = None,
        per_process: bool = False,
        tools: Mapping[PurePosixPath, Path] | None = None,
        starts: int = 4,
    ) -> None:
        super().__init__(run, starts=starts)
        self.roots = {"host": Path("/"), **(roots or {})}
        self.per_process = per_process
        self.tools = dict(tools or {})
        for program, package in PROGRAMS.items():
            if shutil.which(program) is None:
                raise ConfigError(f"the process provider needs {program}: install the package {package}")

    def body(self, spec: SandboxSpec, lease: Lease) -> Tree:
        if spec.image not in self.roots:
            message = f"there is no root folder called {spec.image!r}; known: {', '.join(self.roots)}"
            raise SandboxError("image_missing", message)
        if spec.writable_root:
            raise ConfigError("the process provider cannot make the root writable, for it is the host's: use docker")
        if not self.per_process and not parents():
            raise ConfigError(
                "the memory, CPU and processes of a sandbox can only be limited with a control group, and we may write "
                "none: run under `systemd-run --user --scope -p Delegate=yes`, or take per_process=True, or docker"
            )
        return Tree(spec, lease, self.roots[spec.image], self.tools, per_process=self.per_process)


class Tree(Body):
    """bubblewrap, our agent in it as PID 1, and all that the agent starts."""

    def __init__(
        self,
        spec: SandboxSpec,
        lease: Lease,
        root: Path,
        tools: Mapping[PurePosixPath, Path],
        *,
        per_process: bool,
    ) -> None:
        self._spec, self._lease, self._root, self._tools = spec, lease, root, tools
        self._group = None if per_process else Cgroup(lease.sandbox)
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ooms = 0

    async def start(self) -> Pipes:
        try:
            if self._group:
                self._group.create(self._spec)
            self._starting = asyncio.create_task(
                asyncio.create_subprocess_exec(
                    *self._argv(),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=1 << 20,
                    env={"PATH": os.environ.get("PATH", os.defpath)},
                    start_new_session=True,
                    close_fds=True,
                )
            )
            self._process = await asyncio.shield(self._starting)  # asyncio would kill no more than the first process
        except OSError as error:
            raise SandboxError("engine", f"the control group, or bubblewrap, cannot be had: {error}") from error
        return Pipes(self._process)

    async def diagnose(self) -> SandboxError:
        assert self._process
        status = await self._process.wait()
        name = self._lease.sandbox
        if status == LIFETIME_OVER:
            return SandboxError("lifetime", f"{name} reached the end of its {self._spec.lifetime_s:g} s")
        if status == UNKILLABLE:
            return SandboxError("killed", f"{name} ended itself: a process in it could not be killed")
        if status in (-signal.SIGKILL, 128 + signal.SIGKILL) and self._group and self._group.oom_kills():
            return SandboxError("oom_killed", f"{name} used up its {self._spec.memory:,} bytes of memory")
        assert self._process.stderr
        stderr = (await self._process.stderr.read(4096)).decode(errors="replace").strip()
        return SandboxError("killed", f"{name} ended with {status} {stderr}".strip())

    async def destroy(self) -> None:
        if self._starting and not self._process:
            with contextlib.suppress(OSError):
                self._process = await self._starting
        if self._process:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    # Not `kill()`, which looks for the exit status, and takes it away from asyncio. The kernel kills
                    # the agent with bubblewrap, and all others with the agent; but a child that bubblewrap has just
                    # forked waits for it for ever, with our pipes open, and is still of its group.
                    os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._group:
            while True:
                try:
                    self._group.remove()
                except OSError:  # they are still dying
                    await asyncio.sleep(0.005)
                else:
                    return

    def _argv(self) -> list[str]:
        """One shell that joins the group and makes the file system, and then becomes bubblewrap and the agent."""
        spec = self._spec
        files = max(1024, spec.disk // BYTES_PER_FILE)
        folders = [f"/dev/shm/{i}" for i in range(len(spec.writable) + 1)]
        commands = [
            f"echo $$ > {shlex.quote(str(f))}/cgroup.procs" for f in (self._group.folders if self._group else [])
        ]
        commands += [
            f"ulimit -n {OPEN_FILES}",
            "ulimit -c 0",
            # over a folder that exists everywhere and is no source of mounts; `unshare` keeps it from everybody else
            f"mount -t tmpfs -o size={spec.disk},nr_inodes={files},mode=755 none /dev/shm",
            f"mkdir -m 1777 {' '.join(folders)}",
        ]
        for i, folder in enumerate(self._tools.values()):  # while those above it are open to us
            target = f"/dev/shm/tools{i}"
            commands += [f"mkdir {target}", f"mount --bind {shlex.quote(str(folder))} {target}"]
        unshare = ["unshare", "--mount"]
        drop, limits = list[str](), list[str]()
        if os.getuid() == 0:
            drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        else:
            unshare += ["--user", "--map-root-user"]
        if not self._group:
            cores = sorted(os.sched_getaffinity(0))[: -(-int(spec.cpu * 1000) // 1000)]
            drop += ["taskset", "--cpu-list", ",".join(map(str, cores))]
            # set in the sandbox, for what is set before its namespace of users counts all processes of ours on the host
            limits += ["prlimit", f"--as={spec.memory}", f"--nproc={spec.pids}"]
        inner = [*drop, "bwrap", *self._bwrap(folders), *limits, "python3", *agent.argv(), str(spec.lifetime_s)]
        inner += [f"{key}={value}" for key, value in self._lease.labels().items()]  # where the reaper looks for them
        return [*unshare, "sh", "-ec", "; ".join([*commands, 'exec "$@"']), "sh", *inner]

    def _bwrap(self, folders: list[str]) -> Iterator[str]:
        spec, home = self._spec, self._spec.writable[0]
        yield from ("--unshare-all", "--unshare-user", "--disable-userns", "--uid", f"{USER}", "--gid", f"{USER}")
        yield from ("--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1")
        if spec.network == "full":
            yield "--share-net"
        if self._root == Path("/"):
            yield from ("--ro-bind", "/usr", "/usr")
            for name in ("bin", "sbin", "lib", "lib64"):
                if Path("/", name).is_symlink():
                    yield from ("--symlink", f"usr/{name}", f"/{name}")
            for name in (*_ETC, *(_ETC_WITH_NETWORK if spec.network == "full" else ())):
                yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
        else:
            for path in sorted(self._root.iterdir()):
                if path.is_symlink():
                    yield from ("--symlink", str(path.readlink()), f"/{path.name}")
                elif path.name not in ("dev", "proc", "sys"):
                    yield from ("--ro-bind", str(path), f"/{path.name}")
        yield from ("--proc", "/proc", "--dev", "/dev", "--bind", folders[-1], "/dev/shm", "--remount-ro", "/dev")
        if self._group:
            inside = "/sys/fs/cgroup/memory.events"
            if self._group.oom_file.name != "memory.events":
                inside = "/sys/fs/cgroup/memory/memory.oom_control"
            yield from ("--ro-bind", str(self._group.oom_file), inside)
        for source, target in zip(folders, spec.writable, strict=False):
            yield from ("--bind", source, target)
        for i, target in enumerate(map(str, self._tools)):
            yield from ("--ro-bind", f"/dev/shm/tools{i}", target)
        yield from ("--remount-ro", "/", "--chdir", home, "--clearenv", "--setenv", "HOME", home)
        yield from ("--setenv", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--")


class Pipes:
    """The standard streams of the agent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._writer, self._reader = process.stdin, process.stdout

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def received(self) -> AsyncIterator[bytes]:
        while data := await self._reader.read(1 << 20):
            yield data

    def close(self) -> None:
        self._writer.close()
