"""What an agent might try, on purpose or not.

Each attack must leave the host as it was, come back as a typed result, and not touch the next command on another
sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest

from agentrl.errors import SandboxCause, SandboxError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.spec import Completed, MiB
from tests.sandboxes.conftest import SMALL, Place, living

WORK = PurePosixPath("/workspace")


@pytest.fixture(autouse=True)
def neighbour(place: Place, runner: asyncio.Runner) -> Handle:
    """Another sandbox, which must work as before after each attack."""
    if not _neighbours.get(place.kind):
        _neighbours[place.kind] = runner.run(place.create())
    return _neighbours[place.kind]


_neighbours: dict[str, Handle] = {}


@pytest.fixture(autouse=True)
def unharmed(neighbour: Handle, runner: asyncio.Runner) -> Iterator[None]:
    """The host starts processes and writes files, and the neighbour works."""
    yield
    done = runner.run(neighbour.run("echo fine", 10))
    assert (done.exit_code, done.stdout) == (0, b"fine\n")
    subprocess.run(["sh", "-c", "f=$(mktemp) && echo fine > $f && rm $f"], check=True, timeout=10)


async def python(sandbox: Handle, script: str, timeout_s: float = 20.0) -> Completed:
    return await sandbox.run("python3 -", timeout_s, stdin=script.encode())


async def survived(sandbox: Handle, attack: Awaitable[Completed], *causes: SandboxCause) -> Completed | None:
    """The result of an attack after which the sandbox works as before; None if it ended, of one of the `causes`."""
    try:
        done = await attack
        after = await sandbox.run("echo fine", 10)
        assert after.stdout == b"fine\n", after
        async with asyncio.timeout(5):  # what it killed itself may take a while to die
            while await living(sandbox) > 1:
                pass
    except SandboxError as error:
        if error.cause not in causes:
            raise
        return None
    return done


def in_gvisor(place: Place, *causes: SandboxCause) -> tuple[SandboxCause, ...]:
    """How gVisor's kernel may die, which the container lives by; elsewhere the sandbox must survive."""
    return causes if place.kind == "runsc" else ()


BOMB = "bomb() { bomb | bomb & }; bomb"


async def test_fork_bomb(place: Place) -> None:
    async with await place.acquire() as sandbox:
        attack = sandbox.run(f"({BOMB}) & while :; do :; done", 1.5)  # a shell that cannot fork would end
        done = await survived(sandbox, attack, *in_gvisor(place, "killed"))
        assert done is None or done.timed_out


async def test_fork_bomb_left_in_the_background(place: Place) -> None:
    """Its sandbox may be of no use any more, and says so like a shell; it can still be closed."""
    async with await place.acquire() as sandbox:
        with contextlib.suppress(SandboxError):
            await sandbox.run(f"({BOMB}) 2> /dev/null", 10)
            done = await sandbox.run("sleep 0.1", 10)
            assert done.ok or b"fork" in done.stderr or b"cannot start" in done.stderr


async def test_memory_bomb(place: Place) -> None:
    async with await place.acquire() as sandbox:
        attack = python(sandbox, "x = []\nwhile True: x.append(bytearray(10_000_000))")
        done = await survived(sandbox, attack, *in_gvisor(place, "oom_killed", "killed"))
        assert done is None or (done.exit_code, done.oom_killed) == (137, True)


async def test_memory_bomb_of_many_that_would_outlive_the_agent(place: Place) -> None:
    script = """
import os, time
open("/proc/self/oom_score_adj", "w").write("0")
for _ in range(20):
    if os.fork() == 0:
        x = bytearray(20 << 20)
        time.sleep(60)
time.sleep(60)
"""

    async def attack(sandbox: Handle) -> Completed:
        done = await python(sandbox, script, 3)
        await sandbox.run("kill -9 -1", 10)  # what the first of them left in the background
        return done

    async with await place.acquire() as sandbox:
        done = await survived(sandbox, attack(sandbox), "oom_killed", *in_gvisor(place, "killed"))
        assert done is None or done.oom_killed


async def test_disk_fill(place: Place) -> None:
    async with await place.acquire() as sandbox:
        folders = ("/workspace", "/tmp", "/dev/shm")
        done = await sandbox.run(f"for d in {' '.join(folders)}; do head -c 1G /dev/zero > $d/full; done", 30)
        assert done.stderr.count(b"No space left on device") == 3
        written = [len(await sandbox.read(PurePosixPath(folder, "full"))) for folder in folders]
        assert 0 < sum(written) <= SMALL["disk"]
        with pytest.raises(SandboxError) as caught:
            await sandbox.write(WORK / "more", b"x" * MiB)
        assert caught.value.cause == "disk_full"
        assert (await sandbox.run("rm /workspace/full", 10)).ok
        await sandbox.write(WORK / "more", b"x" * MiB)


async def test_inode_fill(place: Place) -> None:
    script = """
import errno, os
try:
    for i in range(10**6): open(f"/workspace/{i}", "w").close()
except OSError as error:
    assert error.errno == errno.ENOSPC
print(i)
"""
    if place.kind == "runsc":
        pytest.skip("this gVisor's tmpfs has no limit on files; their memory is limited")
    async with await place.acquire() as sandbox:
        done = await python(sandbox, script)
        assert 0 < int(done.stdout) <= 4096


async def test_file_descriptor_exhaustion(place: Place) -> None:
    script = "import os\ntry:\n  while True: n = os.dup(0)\nexcept OSError as error: print(n, error.errno)"
    async with await place.acquire() as sandbox:
        many = await asyncio.gather(*(python(sandbox, script) for _ in range(5)))
        assert {done.stdout for done in many} == {b"8191 24\n"}


async def test_gigabytes_of_output(place: Place) -> None:
    size = 1 << 30 if place.kind != "runsc" else 1 << 28
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with await place.acquire() as sandbox:
        done = await sandbox.run(f"head -c {size} /dev/zero & head -c {size} /dev/zero >&2; wait", 60)
        assert done.ok
        assert done.truncated
        assert len(done.stdout) + len(done.stderr) < 2 * MiB + 100
        assert f"[... {size - MiB} bytes dropped ...]".encode() in done.stdout
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024, "KiB: the host must not collect it"


async def test_sleep_past_the_deadline_with_a_double_forked_daemon(place: Place) -> None:
    script = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("/workspace/daemon", "w").write("here")
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
    async with await place.acquire() as sandbox:
        begun = time.monotonic()
        assert (await python(sandbox, script, 1.5)).timed_out
        assert time.monotonic() - begun < 20
        assert await sandbox.read(WORK / "daemon") == b"here"
        assert await living(sandbox) == 1


async def test_kill_and_ptrace_of_foreign_processes(place: Place) -> None:
    script = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for number in (9, 15, 19, 2, 1):
    os.kill(1, number)
print("attach", libc.ptrace(16, 1, 0, 0))
for name in ("mem", "fd/0", "fd/1", "environ"):
    try: os.open("/proc/1/" + name, os.O_RDWR if name != "environ" else os.O_RDONLY)
    except OSError as error: print(name, "refused")
try: os.kill({os.getpid()}, 0)
except OSError: print("no such process")
"""
    async with await place.acquire() as sandbox:
        done = await survived(sandbox, python(sandbox, script), *in_gvisor(place, "killed"))
        assert done or place.kind == "runsc"
        if done:
            said = done.stdout.decode().split("\n")
            assert "attach -1" in said
            assert "no such process" in said
            assert [name for name in ("mem", "fd/0", "fd/1") if f"{name} refused" not in said] == []
            assert await survived(sandbox, sandbox.run("kill -9 -1; kill -9 $$", 10))


async def test_setuid_escalation(place: Place) -> None:
    script = """
import ctypes, os, subprocess
subprocess.run("cp /bin/sh shell; chmod u+s shell; ./shell -p -c 'id -u'; su -c 'echo ESCAPED'", shell=True)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("privileges", {status[key].strip().lstrip("0") for key in ("CapPrm", "CapEff", "CapBnd")})
for call in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/workspace")):
    try: call(); print("ESCAPED")
    except OSError: pass
libc = ctypes.CDLL(None)
print("mount", libc.mount(b"none", b"/workspace", b"tmpfs", 0, None))
print("unshare", libc.unshare(0x10000000))
"""
    async with await place.acquire() as sandbox:
        done = await python(sandbox, script)
        assert b"ESCAPED" not in done.stdout
        assert b"mount -1" in done.stdout
        if place.kind != "runsc":  # in gVisor a user namespace is of gVisor's kernel, and no way out
            assert b"unshare -1" in done.stdout
        assert b"privileges {''}" in done.stdout
        assert done.stdout.startswith(b"65534\n")


async def test_writes_to_read_only_places(place: Place) -> None:
    places = "/ /usr /usr/bin /etc /dev /proc /proc/sys/kernel /sys /sys/fs/cgroup /var /root /home /lib /sbin"
    script = (
        f"for d in {places}; do (echo x > $d/agentrl-attack) 2>/dev/null && echo WROTE $d; done; rm -rf /usr /etc; true"
    )
    async with await place.acquire() as sandbox:
        done = await sandbox.run(script, 60)
        assert done.stdout == b""
        assert (await sandbox.run("echo core > /proc/sys/kernel/core_pattern", 5)).exit_code != 0
        assert (await sandbox.run("python3 -c 'print(1)'", 10)).stdout == b"1\n"


async def test_reads_of_host_files(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the-secret")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and folder.stat().st_uid == os.getuid():
            folder.chmod(0o755)
    async with await place.acquire() as sandbox:
        roots = ("", "/proc/1/root", "/proc/self/root", "/workspace/../../../..", "/proc/1/cwd/../../..")
        for path in (f"{root}{secret}" for root in roots):
            assert (await sandbox.run(f"cat {path}", 5)).exit_code != 0
            with pytest.raises(OSError, match=r"No such file|Permission"):
                await sandbox.read(PurePosixPath(path))
        hidden = "/etc/shadow /var/run/docker.sock /run/docker.sock /root/.ssh /dev/sda /dev/vda /dev/mem /proc/kcore"
        done = await sandbox.run(
            f"for f in {hidden}; do head -c 1 $f 2>/dev/null | grep -q . && echo READ $f; done", 10
        )
        assert done.stdout == b""
        assert (
            await sandbox.run(f"find / -name {secret.parent.name} -not -path '/proc/*' 2>/dev/null", 60)
        ).stdout == b""


async def test_links_and_paths_that_lead_out(place: Place, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("before")
    async with await place.acquire() as sandbox:
        await sandbox.run(f"ln -s {target} link; ln -s {tmp_path} folder; ln -s / root; ln -s /etc/passwd passwd", 5)
        paths = ("link", "folder/target", f"../..{target}", f"root{target}")
        for path in paths:
            with pytest.raises(OSError, match=r"No such file|Permission|Is a directory"):
                await sandbox.read(WORK / path)
        for path in paths:
            with contextlib.suppress(OSError):  # in the sandbox's own /tmp it may succeed
                await sandbox.write(WORK / path, b"after")
        with pytest.raises(OSError, match=r"Read-only|Permission|No such file"):
            await sandbox.write(WORK / "passwd", b"after")
        async with await sandbox.fork() as twin:
            assert (await twin.run("readlink link", 5)).stdout.decode() == f"{target}\n"
        name = await sandbox.snapshot()
        async with await place.create(image=name) as twin:
            assert (await twin.run("readlink link", 5)).stdout.decode() == f"{target}\n"
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["target"]


async def test_an_archive_that_leads_out(place: Place, tmp_path: Path) -> None:
    """The stream of a fork, as a hostile sandbox might forge it."""

    def archive(*members: tuple[str, str]) -> bytes:
        file = BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name, link in members:
                info = tarfile.TarInfo(name)
                info.size = 0 if link else 3
                info.type, info.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
                tar.addfile(info, None if link else BytesIO(b"bad"))
        return file.getvalue()

    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        yield data

    out = str(tmp_path)
    for members in (
        [(f"../../../..{out}/bad", "")],
        [(f"{out}/bad", "")],
        [("work/link", out), ("work/link/bad", "")],
        [("work/link", "/etc"), ("work/link/bad", "")],
    ):
        async with await place.acquire() as sandbox:
            with contextlib.suppress(OSError):  # in the sandbox's own /tmp it may succeed
                await sandbox.unpack(chunks(archive(*members)))
    async with await place.acquire() as sandbox:
        with pytest.raises(OSError, match="error"):
            await sandbox.unpack(chunks(b"no archive" * 1000))
    assert os.listdir(tmp_path) == []
    assert "bad" not in os.listdir("/etc")


async def test_connections_and_names(place: Place, neighbour: Handle) -> None:
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as abstract:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        listener.settimeout(0)
        abstract.bind("\0agentrl-attack-" + str(os.getpid()))
        abstract.listen()
        port = listener.getsockname()[1]
        serving = asyncio.ensure_future(
            neighbour.run("timeout 20 python3 -m http.server 8765 --bind 0.0.0.0 > /dev/null 2>&1", 25)
        )
        script = f"""
import socket
hosts = ["127.0.0.1", "::1", "172.17.0.1", "172.17.0.2", "10.0.0.1", "169.254.169.254", {_own_address()!r}]
for host in hosts:
    for port in ({port}, 8765, 2375, 22, 80):
        try: socket.create_connection((host, port), 0.3); print("CONNECTED", host, port)
        except OSError: pass
for name in ("localhost.localdomain.invalid", "example.com", "host.docker.internal"):
    try: print("RESOLVED", socket.getaddrinfo(name, 80))
    except OSError: pass
try:
    socket.socket(socket.AF_UNIX).connect("\\0agentrl-attack-{os.getpid()}"); print("CONNECTED abstract")
except OSError: pass
print("interfaces", [name for _, name in socket.if_nameindex()])
"""
        async with await place.acquire() as sandbox:
            done = await python(sandbox, script, 60)
        with pytest.raises(BlockingIOError):
            listener.accept()
        serving.cancel()
        assert done.ok, done.stderr
        assert done.stdout.startswith(b"interfaces ['lo'"), done.stdout


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


async def test_environment_variable_snooping(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTRL_CANARY", "sings")
    async with await place.create() as sandbox:
        script = "cat /proc/self/environ /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; env"
        done = await sandbox.run(script, 10, output_limit=8 * MiB)
    assert b"HOME=/workspace" in done.stdout
    assert b"CANARY" not in done.stdout
    assert b"sings" not in done.stdout


async def test_fifty_at_once(place: Place, neighbour: Handle) -> None:
    """All eat what they get, for a second; meanwhile another works, each has its end, and nothing is left."""
    attack = "(head -c 200M /dev/zero > /workspace/full) 2>/dev/null; while :; do :; done & while :; do :; done"
    count = 50 if place.kind != "runsc" else 12
    sandboxes = await asyncio.gather(*(place.create(disk=16 * MiB) for _ in range(count)))
    attacks = asyncio.gather(*(sandbox.run(attack, 1.0) for sandbox in sandboxes))
    fine = await neighbour.run("echo fine", 10)
    assert fine.stdout == b"fine\n"
    assert all(done.timed_out for done in await attacks)
    await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))
