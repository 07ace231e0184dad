"""Real server processes on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import require

FIXTURES = Path(__file__).parents[1] / "fixtures"
"""On the server's path, so that `toy_envs:Corridor-v0` can be served."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running `agentrl serve`."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    """Its standard error."""

    def stop(self, sig: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; returns the exit status. Repeating it is no error."""
        self.process.send_signal(sig)
        return self.process.wait(timeout=60)


@contextmanager
def serving(folder: Path, *env_ids: str, **options: object) -> Iterator[Server]:
    """Run `agentrl serve ENV_ID… --option value …` until the block ends; by default on a free port of the loopback."""
    require("uvicorn")
    if not {"port", "unix_socket"} & options.keys():
        options["port"] = 0
    arguments = [a for k, v in options.items() for a in (f"--{k.replace('_', '-')}", str(v))]
    command = "import sys; from agentrl.cli import main; sys.argv[0] = 'agentrl'; main()"
    log = folder / f"serve-{len(list(folder.glob('serve-*')))}.log"
    environment = {k: v for k, v in os.environ.items() if k != "AGENTRL_TOKEN"}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", command, "serve", *env_ids, *arguments],
            env=environment | {"PYTHONPATH": f"{FIXTURES}:{os.environ.get('PYTHONPATH', '')}"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line.startswith("serving on "), log.read_text()
            yield Server(line.removeprefix("serving on ").strip(), process, log)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """`server("ALFWorld-v0", max_sessions=2).url`: starts a server that runs until the end of the module."""
    with ExitStack() as stack:
        yield lambda *env_ids, **options: stack.enter_context(
            serving(tmp_path_factory.mktemp("serve"), *env_ids, **options)
        )
