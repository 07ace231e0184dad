"""The sandboxes of this process for repositories and their tests: one event loop, one provider of each kind.

    from agentrl.envs.swe.workshop import workshop

    async def job():
        async with await workshop().acquire("process") as sandbox:      # from a pool: about 2 ms
            return await sandbox.run("pytest --version", 10)

    workshop().call(job())                                              # from any thread that has no event loop

Every sandbox has bash, tar, `python3` and, in `/opt/agentrl` (`toolbox.py`), pytest: put `toolbox.SITE` into PYTHONPATH
and `toolbox.BIN` into PATH. It may write `/workspace` and `/tmp`, in memory, and has no network.

Sandboxes are bound to the loop that they were made in, so all that is done with them is done through `call`. They go
with the process; after a fork the child has a workshop of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from agentrl.envs.own_loop import PerProcess, SandboxPools
from agentrl.envs.swe.toolbox import INSIDE, toolbox
from agentrl.errors import AgentRLError, ConfigError, SandboxError, UnknownNameError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.process import ProcessProvider
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import GiB, MiB, SandboxSpec

PROVIDERS = ("auto", "docker", "process", "runsc")
"""`auto` is docker where an engine answers and has the image, else process."""

_LIMITS: dict[str, Any] = {"memory": GiB, "disk": 384 * MiB, "pids": 128, "lifetime_s": 4 * 3600.0, "deadline_s": 60.0}
_READY, _AT_ONCE = 2, 256


class Workshop(SandboxPools[tuple[str, tuple[str, ...]]]):
    """Use `workshop()`: one for each process."""

    name = "workshop"

    async def acquire(self, kind: str = "auto", image: str = "", requirements: tuple[str, ...] = ()) -> Handle:
        """A fresh sandbox; who acquired it closes it.

        Args:
            kind: of `PROVIDERS`.
            image: one that has what a repository needs, for docker and runsc; "" for the one with pytest alone, of
                which some are kept ready.
            requirements: instead of an image, what a repository needs beside pytest (`Repository.requirements`).

        Raises:
            UnknownNameError: there is no such kind.
            ConfigError, MissingExtraError: this machine cannot make sandboxes of this kind; the message says why.
            SandboxError: none could be started.
        """
        pool = await self.pool(kind, requirements)
        if not image:
            return await pool.acquire()
        if pool.spec.image == "host":
            raise ConfigError(f"the tests of this task need the image {image}: use sandbox='docker'")
        return await pool.provider.create(SandboxSpec(image, **_LIMITS))

    async def pool(self, kind: str, requirements: tuple[str, ...] = ()) -> Pool:
        """The one that sandboxes of a kind come from, with its provider and its spec; raises what `acquire` does."""
        if kind not in PROVIDERS:
            raise UnknownNameError("sandbox", kind, PROVIDERS)
        return await self.opened((kind, requirements))

    async def _open(self, key: tuple[str, tuple[str, ...]]) -> Pool:
        kind, requirements = key
        if kind != "auto":
            make = _process if kind == "process" else _docker
            provider, image = await asyncio.to_thread(make, kind, requirements)
        else:
            try:
                provider, image = await asyncio.to_thread(_docker, "docker", requirements)
            except AgentRLError as no_docker:
                try:
                    provider, image = await asyncio.to_thread(_process, "process", requirements)
                except AgentRLError as error:
                    raise ConfigError(f"no sandboxes here. docker: {no_docker}. process: {error}") from error
        return Pool(provider, SandboxSpec(image, **_LIMITS), ready=_READY, limit=_AT_ONCE)


def _process(kind: str, requirements: tuple[str, ...]) -> tuple[AgentProvider, str]:
    return ProcessProvider("swe", tools={INSIDE: toolbox(requirements)}), "host"


def _docker(kind: str, requirements: tuple[str, ...]) -> tuple[AgentProvider, str]:
    from agentrl.envs.swe.outfit import outfit
    from agentrl.sandboxes.docker import DockerProvider

    provider, image = DockerProvider("swe", runtime="runsc" if kind == "runsc" else ""), IMAGES["swe"].tag
    try:
        if kind == "runsc" and "runsc" not in provider.client.info()["Runtimes"]:
            raise ConfigError("the engine has no runtime runsc: install gVisor and name it in /etc/docker/daemon.json")
        if not provider.client.images.list(image):
            raise SandboxError("image_missing", f"the engine has no image {image}: agentrl images build swe")
        if requirements:
            image = outfit(provider.client, image, requirements)
    except BaseException:
        provider.client.close()
        raise
    return provider, image


workshop = PerProcess(Workshop)
"""That of this process."""
