"""One suite over all providers: a test that asks for `place` runs on each that this machine has.

Test functions here may be `async def`; all of a process share one event loop, as sandboxes are bound to theirs.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from agentrl.errors import AgentRLError
from agentrl.sandboxes import SandboxSpec
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import MiB
from tests.conftest import lack

IMAGE = os.environ.get("AGENTRL_TEST_IMAGE") or IMAGES["base"].tag
SMALL: dict[str, Any] = {"memory": 256 * MiB, "disk": 48 * MiB, "pids": 64, "deadline_s": 60.0}


@dataclass(frozen=True)
class Place:
    """A provider, and a small spec for it."""

    kind: str
    provider: AgentProvider
    spec: SandboxSpec
    pool: Pool

    async def acquire(self) -> Handle:
        return await self.pool.acquire()

    async def create(self, **changes: Any) -> Handle:
        return await self.provider.create(replace(self.spec, **changes))


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    pyfuncitem._request.getfixturevalue("runner").run(pyfuncitem.obj(**arguments))
    return True


def provider_of(kind: str) -> tuple[AgentProvider, SandboxSpec]:
    """A new provider and its spec; skips where this machine has none, but not in CI."""
    try:
        if kind == "process":
            from agentrl.sandboxes.process import ProcessProvider

            return ProcessProvider(), SandboxSpec("host", **SMALL)
        from agentrl.sandboxes.docker import DockerProvider

        provider = DockerProvider(runtime="runsc" if kind == "runsc" else "")
    except AgentRLError as error:
        lack(str(error))
    missing = ""
    if kind == "runsc" and "runsc" not in provider.client.info()["Runtimes"]:
        missing = "the engine has no runtime runsc: see .ci/dockerd.json"
    elif not provider.client.images.list(IMAGE):
        missing = f"the image {IMAGE} is missing: agentrl images build base"
    if missing:
        lack(missing)
    return provider, SandboxSpec(IMAGE, **SMALL)


@pytest.fixture(scope="session", params=["process", "docker", "runsc"])
def place(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Place]:
    kind = request.param
    if kind == "process" and shutil.which("bwrap") is None:
        lack("bubblewrap is not installed")

    async def opened() -> Place:
        provider, spec = provider_of(kind)
        return Place(kind, provider, spec, Pool(provider, spec, ready=2))

    async def closed() -> None:
        await found.pool.close()
        await found.provider.close()

    found = runner.run(opened())
    yield found
    runner.run(closed())


async def living(sandbox: Handle) -> int:
    """Processes of a sandbox that are no zombies; the agent is one of them, the shell that counts is not."""
    script = "for p in /proc/[0-9]*; do read -r _ _ s _ < $p/stat && [ $s != Z ] && echo $p; done 2>/dev/null"
    done = await sandbox.run(script, 10)
    return len(done.stdout.split()) - 1
