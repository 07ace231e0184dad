"""Nothing outlives its run: owners and leases, the reaper, and a run that is killed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentrl.cli.app import app
from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes import cgroup, reaper, state
from agentrl.sandboxes.lease import Lease, Owner
from tests.sandboxes.conftest import IMAGE, Place

RUN = """
import asyncio, sys
from pathlib import PurePosixPath
from agentrl.sandboxes import SandboxSpec
from agentrl.sandboxes.{module} import {provider} as Provider
from agentrl.sandboxes.spec import MiB

SERVER = b"import socket; s = socket.socket(1); s.bind('/workspace/s'); s.listen(); s.accept()[0].recv(1)"

async def main():
    provider = Provider({run!r}, **{options})
    spec = SandboxSpec({image!r}, memory=128 * MiB, disk=16 * MiB)
    sandboxes = await asyncio.gather(*(provider.create(spec) for _ in range({count})))
    await sandboxes[0].run("(setsid sleep 1000 &) > /dev/null 2>&1", 10)
    await sandboxes[0].write(PurePosixPath("/workspace/server.py"), SERVER)
    await sandboxes[0].run("python3 server.py > log 2>&1 &", 10)
    await sandboxes[0].socket(PurePosixPath("/workspace/s"))
    await sandboxes[0].snapshot()
    print("ready", flush=True)
    await sandboxes[0].run("sleep 1000", 1000)

asyncio.run(main())
"""


def test_an_owner_is_told_apart_from_a_later_process_with_its_number() -> None:
    owner = Owner.this()
    assert not owner.dead
    assert Owner.parse(str(owner)) == owner
    assert dataclasses.replace(owner, started=owner.started + 1).dead
    assert not dataclasses.replace(owner, place="elsewhere", started=0).dead
    child = subprocess.Popen(["sleep", "60"])
    theirs = dataclasses.replace(owner, pid=child.pid, started=_started(child.pid))
    assert not theirs.dead
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert theirs.dead, "a zombie owns nothing"
    child.wait()
    assert theirs.dead


def _started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_a_lease_survives_its_labels_and_runs_out() -> None:
    lease = Lease.new("run-1", 100)
    again = Lease.parse(lease.labels())
    assert dataclasses.replace(again, expires=lease.expires) == lease
    assert abs(again.expires - lease.expires) <= 0.5
    assert not lease.forfeit
    assert dataclasses.replace(lease, expires=time.time() - 60).forfeit
    for broken in ({}, {**lease.labels(), "agentrl.owner": "x"}, {**lease.labels(), "agentrl.expires": "soon"}):
        with pytest.raises(ValueError, match=r"."):
            Lease.parse(broken)
    for name in ("", "Run", "a b", "../x", "x" * 41):
        with pytest.raises(ConfigError, match="use up to 40"):
            Lease.new(name, 1)


def test_the_state_folder_is_refused_if_others_may_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert state.own().parent == tmp_path / f"agentrl-{os.getuid()}"
    state.root().chmod(0o755)
    with pytest.raises(ConfigError, match="no other may enter"):
        state.root()
    (tmp_path / f"agentrl-{os.getuid()}").rename(tmp_path / "real")
    (tmp_path / f"agentrl-{os.getuid()}").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError, match="no other may enter"):
        state.root()


async def test_a_run_is_listed_and_reaped_by_its_name(place: Place) -> None:
    provider = type(place.provider)(f"run-reaped-{place.kind}-{os.getpid()}")
    if place.kind == "runsc":
        provider.runtime = "runsc"
    async with provider, await provider.create(place.spec) as sandbox, await place.acquire() as other:
        invoke = CliRunner().invoke
        rows = json.loads((await asyncio.to_thread(invoke, app, ["sandboxes", "ls", "--json"])).stdout)
        (row,) = (row for row in rows if row["sandbox"] == sandbox.name)
        assert row["run"] == provider.run
        assert row["provider"] == place.provider.name
        assert row["owner"] == os.getpid()
        assert not row["owner_dead"]
        assert 0 < row["expires_s"] <= place.spec.lifetime_s
        assert sandbox.name in (await asyncio.to_thread(invoke, app, ["sandboxes", "ls"])).stdout
        done = await asyncio.to_thread(invoke, app, ["sandboxes", "reap", "--run", provider.run])
        assert done.stdout == "1 destroyed\n"
        with pytest.raises(SandboxError) as caught:
            await sandbox.run("sleep 60", 60)
        assert caught.value.cause == "killed"
        assert (await other.run("echo fine", 5)).ok
        assert await provider.reap(provider.run) == 0


def test_what_a_killed_run_left_is_gone_within_a_minute(place: Place) -> None:
    run = f"run-killed-{place.kind}-{os.getpid()}"
    docker = place.kind != "process"
    source = RUN.format(
        module="docker" if docker else "process",
        provider="DockerProvider" if docker else "ProcessProvider",
        options={"runtime": "runsc"} if place.kind == "runsc" else {},
        image=IMAGE if docker else "host",
        run=run,
        count=20 if place.kind != "runsc" else 8,
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            assert len(_of(run)) == (20 if place.kind != "runsc" else 8)
            owner = next(iter(_of(run))).lease.owner
            assert list((state.root() / str(owner)).rglob("*.tar"))
        finally:
            process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    while left := _of(run) or _traces(owner):
        assert time.monotonic() - killed < 60, left
        time.sleep(0.2)


def test_a_sweep_goes_on_where_another_one_was_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner.this()
    dead = [dataclasses.replace(owner, started=owner.started + i) for i in (1, 2)]
    for one in dead:
        (tmp_path / str(one) / "sandbox").mkdir(parents=True)

    def owners(folder: Path) -> Iterator[tuple[Owner, Path]]:
        found = iter(state.owners(folder))
        gone, path = next(found)
        shutil.rmtree(path)
        yield gone, path
        yield from found

    monkeypatch.setattr(cgroup, "parents", lambda: (tmp_path,))
    monkeypatch.setattr(cgroup, "owners", owners)
    cgroup.sweep()
    assert not list(tmp_path.iterdir())


def _of(run: str) -> list[reaper.Found]:
    return [found for found in reaper.find() if found.lease.run == run]


def _traces(owner: Owner) -> list[Path]:
    """Folders on the host that bear its name."""
    folders = [state.root() / str(owner), *(parent / str(owner) for parent in cgroup.parents())]
    return [folder for folder in folders if folder.exists()]
