"""What only the process provider has: limits of single processes, and other roots than the host's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes import SandboxSpec, process
from agentrl.sandboxes.process import ProcessProvider
from tests.conftest import lack
from tests.sandboxes.conftest import SMALL, provider_of


@pytest.fixture(autouse=True)
def _bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        provider_of("process")


async def test_without_control_groups_it_refuses_or_limits_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "parents", lambda: ())
    spec = SandboxSpec("host", cpu=0.5, **SMALL)
    with pytest.raises(ConfigError, match="per_process=True"):
        await ProcessProvider().create(spec)
    async with ProcessProvider(per_process=True) as provider, await provider.create(spec) as sandbox:
        done = await sandbox.run("nproc; python3 -c 'bytearray(300 << 20)'", 10)
        assert done.stdout == b"1\n"
        assert b"MemoryError" in done.stderr
        async with await provider.create(spec) as neighbour:
            crowd = "for i in $(seq 100); do sleep 30 & done"
            assert b"Cannot fork" in (await sandbox.run(crowd, 10)).stderr
            fine = await neighbour.run("for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait; echo fine", 10)
            assert (fine.stdout, fine.stderr) == (b"fine\n", b""), "each counts its own"
        bomb = await sandbox.run("bomb() { bomb | bomb & }; bomb; sleep 60", 1.0)
        assert b"Cannot fork" in bomb.stderr


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A root folder with the host's programs, and a file of its own."""
    if os.getuid() != 0:
        lack("mounts the host's programs into a folder")
    folder = tmp_path / "root"
    (folder / "opt").mkdir(parents=True)
    (folder / "opt/mark").write_text("here")
    folders = [name for name in ("bin", "lib", "lib64") if Path("/usr", name).exists()]
    for name in folders:
        (folder / "usr" / name).mkdir(parents=True)
        (folder / name).symlink_to(f"usr/{name}")
        subprocess.run(["mount", "--bind", f"/usr/{name}", folder / "usr" / name], check=True)
    for parent in (folder, *folder.parents[:-2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    yield folder
    for name in folders:
        subprocess.run(["umount", folder / "usr" / name], check=True)


async def test_a_folder_is_an_image(root: Path) -> None:
    async with ProcessProvider(roots={"mine": root}) as provider:
        async with await provider.create(SandboxSpec("mine", **SMALL)) as sandbox:
            assert (await sandbox.run("cat /opt/mark; touch /opt/new", 10)).stdout == b"here"
        with pytest.raises(SandboxError, match="known: host, mine") as caught:
            await provider.create(SandboxSpec("other", **SMALL))
        assert caught.value.cause == "image_missing"
    assert os.listdir(root / "opt") == ["mark"]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A bubblewrap whose child waits, as the real one's does for its parent, but for ever; its command line."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # it is run by a user of its own
        program = Path(folder, "bwrap")
        program.write_text("#!/bin/sh\nsleep 987654 &\nwait\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", folder, prepend=os.pathsep)
        yield b"sleep\x00987654"


async def test_a_start_that_is_cancelled_leaves_no_child_of_bubblewrap(waiting: bytes) -> None:
    async with asyncio.timeout(20), ProcessProvider() as provider:
        for seconds in (0.0, 0.002, 0.05, 0.3):
            start = asyncio.ensure_future(provider.create(SandboxSpec("host", **SMALL)))
            await asyncio.wait([start], timeout=seconds)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
    assert not any(waiting in command for command in _commands())


def _commands() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield path.read_bytes()
