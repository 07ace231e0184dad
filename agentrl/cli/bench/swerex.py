"""SWE-ReX's docker deployment, driven in its own interpreter and timed there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agentrl.errors import ConfigError, InfraError

_DRIVER = """
import asyncio, json, sys, time
from swerex.deployment.docker import DockerDeployment
from swerex.runtime.abstract import BashAction, Command, CreateBashSessionRequest

image, commands = sys.argv[1], int(sys.argv[2])
flags = ["--memory", "512m", "--pids-limit", "256"]

async def play():
    times = {"cold start": [], "command": [], "command, in a session": []}

    async def timed(what, work):
        begun = time.perf_counter()
        result = await work
        times[what].append(time.perf_counter() - begun)
        return result

    deployment = DockerDeployment(image=image, pull="never", docker_args=flags)
    try:
        await timed("cold start", deployment.start())
        await deployment.runtime.create_session(CreateBashSessionRequest())
        for _ in range(commands):
            done = await timed("command", deployment.runtime.execute(Command(command="true", shell=True)))
            assert done.exit_code == 0
            done = await timed("command, in a session", deployment.runtime.run_in_session(BashAction(command="true")))
            assert done.exit_code == 0
    finally:
        await deployment.stop()
    return times

for line in sys.stdin:
    print("TIMES", json.dumps(asyncio.run(play())), flush=True)
"""


@dataclass
class Driver:
    """The interpreter that plays; one round for each line that it gets."""

    process: asyncio.subprocess.Process

    async def play(self, times: dict[str, list[float]]) -> None:
        """One container, and commands in it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(b"\n")
        while line := await self.process.stdout.readline():
            if line.startswith(b"TIMES "):
                for what, seconds in json.loads(line.removeprefix(b"TIMES ")).items():
                    times.setdefault(what, []).extend(seconds)
                return
        raise InfraError("SWE-ReX failed; its last words are above")


@asynccontextmanager
async def swerex(python: Path, image: str, commands: int) -> AsyncIterator[Driver]:
    """Play with an image that is `image` with SWE-ReX's server in it, made here and removed in the end.

    Args:
        python: an interpreter with swe-rex, of the image's version of Python, for its packages are copied.

    Raises:
        ConfigError: there is no such interpreter, or it is of another version.
        InfraError: SWE-ReX fails.
    """
    if shutil.which(python) is None:
        install = "python3 -m venv .venv-swerex && .venv-swerex/bin/pip install swe-rex==1.4.0 aiohttp"
        raise ConfigError(f"{python} is missing: {install}")
    ask = "import site, sys; print(*sys.version_info[:2], site.getsitepackages()[0])"
    ours = await output(str(python), "-c", ask)
    theirs = await output("docker", "run", "--rm", "--network", "none", image, "python3", "-c", ask)
    if ours.split()[:2] != theirs.split()[:2]:
        raise ConfigError(f"{python} is Python {ours}, but {image} has {theirs}: they must be of the same version")
    container = await output("docker", "create", image)
    tag = "agentrl/bench-swerex:latest"
    try:
        await output("docker", "cp", f"{ours.split()[2]}/.", f"{container}:{theirs.split()[2]}")
        with tempfile.NamedTemporaryFile("w") as script:
            script.write("#!/usr/bin/env python3\nfrom swerex.server import main\nmain()\n")
            script.flush()
            os.chmod(script.name, 0o755)
            await output("docker", "cp", script.name, f"{container}:/usr/local/bin/swerex-remote")
        change = 'ENTRYPOINT ["/usr/bin/env"]'  # whatever entry point the image has
        await output("docker", "commit", "--change", change, container, tag)
    finally:
        await output("docker", "rm", container)
    process = await asyncio.create_subprocess_exec(
        str(python), "-c", _DRIVER, tag, str(commands), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Driver(process)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()
        await output("docker", "rmi", tag)


async def output(*command: str) -> str:
    """What a command prints.

    Raises:
        InfraError: it fails.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await process.communicate()
    if process.returncode:
        raise InfraError(f"{' '.join(command)}: {stderr.decode(errors='replace').strip()}")
    return stdout.decode().strip()
