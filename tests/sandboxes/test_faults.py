"""The engine's and the kernel's failures, made to happen: each ends in its typed cause, and the pool goes on.

What would disturb other tests happens to an engine of its own, with its own small disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError

from agentrl.errors import SandboxError
from agentrl.sandboxes import engine, reaper
from agentrl.sandboxes.docker import DockerProvider
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.spec import MiB, SandboxSpec
from tests.conftest import lack
from tests.sandboxes.conftest import IMAGE, SMALL, Place, provider_of


@pytest.fixture
def docker(runner: asyncio.Runner) -> Iterator[Place]:
    async def opened() -> Place:
        provider, spec = provider_of("docker")
        return Place("docker", provider, spec, Pool(provider, spec, ready=1))

    async def closed() -> None:
        await place.pool.close()
        await place.provider.close()

    place = runner.run(opened())
    yield place
    runner.run(closed())


async def fails(work: Any) -> SandboxError:
    with pytest.raises(SandboxError) as caught:
        await work
    return caught.value


async def test_a_container_killed_from_outside(docker: Place) -> None:
    assert isinstance(docker.provider, DockerProvider)
    async with await docker.acquire() as sandbox:
        running = asyncio.ensure_future(sandbox.run("sleep 60", 60))
        await sandbox.run("true", 5)
        await asyncio.to_thread(docker.provider.client.api.kill, sandbox.name)
        assert (await fails(running)).cause == "killed"
        assert (await fails(sandbox.read(PurePosixPath("/workspace/a")))).cause == "killed"
    async with await docker.acquire() as sandbox:
        assert (await sandbox.run("echo fine", 5)).ok


async def test_a_container_removed_from_outside(docker: Place) -> None:
    assert isinstance(docker.provider, DockerProvider)
    async with await docker.acquire() as sandbox:
        await asyncio.to_thread(engine.remove, docker.provider.client.api, sandbox.name)
        assert (await fails(sandbox.run("sleep 60", 60))).cause == "killed"


@pytest.mark.parametrize(("second", "fine"), [(200, True), (404, True), (409, True), (500, False)])
def test_a_container_that_ends_when_it_is_to_be_killed(second: int, fine: bool) -> None:
    left = [500, second]

    def remove_container(name: str, **_: Any) -> None:
        response = requests.Response()
        response.status_code = left.pop(0)
        if not response.ok:
            raise APIError("no", response, f"Could not kill running container {name}: {name} is not running")

    with contextlib.nullcontext() if fine else pytest.raises(APIError):
        engine.remove(SimpleNamespace(remove_container=remove_container), "s-1")
    assert not left


async def test_a_container_without_memory(docker: Place) -> None:
    """Files fill the memory, so that killing commands frees none, and the kernel takes the agent in the end."""
    fill = "for d in /workspace /tmp /dev/shm; do head -c 1G /dev/zero > $d/full; done"
    async with await docker.create(memory=65 * MiB, disk=64 * MiB) as sandbox:
        error = None
        for _ in range(20):
            try:
                await sandbox.run(fill, 20)
            except SandboxError as caught:
                error = caught
                break
        assert error
        assert error.cause == "oom_killed"
        assert f"{65 * MiB:,} bytes" in str(error)


async def test_an_image_that_is_missing(docker: Place) -> None:
    error = await fails(docker.create(image="agentrl.invalid/none:0"))
    assert error.cause == "image_missing"
    assert "agentrl.invalid/none:0" in str(error)


async def test_a_pool_without_its_image_says_so(docker: Place) -> None:
    async with Pool(docker.provider, replace(docker.spec, image="agentrl.invalid/none:0"), ready=1) as pool:
        assert (await fails(pool.acquire())).cause == "image_missing"


async def test_a_writable_root_is_the_tasks_own_and_watched(docker: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(docker.provider, DockerProvider)
    monkeypatch.setattr("agentrl.sandboxes.docker.WATCH_S", 0.3)
    async with await docker.create(writable_root=True, disk=20 * MiB) as sandbox:
        done = await sandbox.run("echo x > /usr/bin/x && id -u && grep CapEff /proc/self/status", 10)
        assert done.stdout == b"0\nCapEff:\t0000000000000000\n"
        async with await sandbox.fork() as twin:
            assert await twin.read(PurePosixPath("/usr/bin/x")) == b"x\n"
            assert len(docker.provider.snapshots) == 1
        assert not docker.provider.snapshots
        name = await sandbox.snapshot()
        error = await fails(sandbox.run("i=0; while :; do i=$((i+1)); head -c 5M /dev/zero > /var/$i; done", 60))
        assert error.cause == "disk_full"
    async with await docker.create(writable_root=True, image=name) as again:
        assert await again.read(PurePosixPath("/usr/bin/x")) == b"x\n"
    images = await asyncio.to_thread(lambda: {found.lease.run for found in reaper.find() if found.status == "snapshot"})
    assert docker.provider.run in images
    await docker.pool.close()
    await docker.provider.close()
    images = await asyncio.to_thread(lambda: {found.lease.run for found in reaper.find() if found.status == "snapshot"})
    assert docker.provider.run not in images


def test_no_engine_at_all(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="start it, or set DOCKER_HOST") as caught:
        DockerProvider(base_url=f"unix://{tmp_path}/none.sock")
    assert caught.value.cause == "engine_down"


@dataclass
class Engine:
    """A Docker Engine of a test's own, on a file system of `size` bytes."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/engine.sock"

    def start(self) -> None:
        arguments = {
            "host": self.url,
            "data-root": self.folder / "data",
            "exec-root": self.folder / "exec",
            "pidfile": self.folder / "pid",
            "bridge": "none",
            "iptables": "false",
            "ip-forward": "false",
            "storage-driver": "overlay2",
            "config-file": self.folder / "config.json",
        }
        (self.folder / "config.json").write_text("{}")
        with (self.folder / "log").open("ab") as log:
            # in a network of its own, for an engine without a bridge removes that of others
            command = ["unshare", "--net", "dockerd", *(f"--{key}={value}" for key, value in arguments.items())]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(SandboxError):
                engine.connect(self.url).close()
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.05)

    def stop(self) -> None:
        """As a crash would, containerd with it; containers are left to themselves."""
        assert self.process
        self.process.kill()
        self.process.wait()
        file = self.folder / "exec/containerd/containerd.pid"
        os.kill(int(file.read_text()), signal.SIGKILL)
        file.unlink()  # the next engine would take a zombie for a containerd that lives

    def kill_shims(self) -> None:
        """What a killed engine leaves beside its containers: a parent for each, which waits for the engine."""
        for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.folder}/exec/containerd".encode() in cmdline.read_bytes():
                    os.kill(int(cmdline.parent.name), signal.SIGKILL)


@pytest.fixture
def own_engine(docker: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if os.getuid() != 0 or shutil.which("dockerd") is None:
        lack("an engine of the test's own needs root and dockerd")
    folder = Path("/tmp") / f"agentrl-engine-{os.getpid()}"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "none", folder], check=True)
    found = Engine(folder)
    try:
        found.start()
        saved = subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "--host", found.url, "load"], stdin=saved.stdout, check=True, stdout=subprocess.DEVNULL
        )
        assert saved.wait() == 0
        yield found
    finally:
        with contextlib.suppress(SandboxError):
            client = engine.connect(found.url)
            for container in client.api.containers(all=True):
                engine.remove(client.api, container["Id"])
        assert found.process
        found.process.terminate()
        found.process.wait(30)
        found.kill_shims()
        subprocess.run(["umount", "--recursive", "--lazy", folder], check=True)
        folder.rmdir()


async def test_an_engine_that_stops_fills_up_and_comes_back(own_engine: Engine) -> None:
    spec = SandboxSpec(IMAGE, **{**SMALL, "deadline_s": 30.0})
    async with DockerProvider(base_url=own_engine.url) as provider, Pool(provider, spec, ready=1) as pool:
        sandbox = await pool.acquire()
        running = asyncio.ensure_future(sandbox.run("sleep 60", 60))
        await sandbox.run("true", 5)

        await asyncio.to_thread(own_engine.stop)
        assert (await fails(running)).cause == "engine_down"
        with contextlib.suppress(SandboxError):
            await sandbox.close()
        begun = time.monotonic()
        assert (await fails(pool.acquire())).cause == "engine_down"
        assert (await fails(provider.create(spec))).cause == "engine_down"
        assert time.monotonic() - begun < 20

        await asyncio.to_thread(own_engine.start)
        async with asyncio.timeout(30):
            while not pool.idle:  # it tries again by itself
                await pool._changed.wait()
        async with await pool.acquire() as again:
            assert (await again.run("echo fine", 5)).stdout == b"fine\n"

        with (own_engine.folder / "ballast").open("wb") as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * MiB)
        big = await fails(provider.create(replace(spec, writable_root=True)))
        assert big.cause == "disk_full"
        (own_engine.folder / "ballast").unlink()
        async with await provider.create(spec) as again:
            assert (await again.run("echo fine", 5)).ok
