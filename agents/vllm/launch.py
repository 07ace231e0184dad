"""vLLM servers as processes of ours: started, waited for, watched, and gone with us.

Each server leads a process group of its own, so that nothing of it stays behind when it ends, however it ends. The
kernel ends it should this process be killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from agentrl.agents.vllm.flags import ServeOptions, Setting, flags, variables
from agentrl.agents.vllm.installed import interpreter, look
from agentrl.errors import ConfigError, RunStoppedError

READY_S = 900.0
"""Limit for loading a model and for compiling it."""
STOP_S = 20.0
"""Between SIGTERM and SIGKILL."""
_POLL_S = 0.2
_TAIL_BYTES = 3000

_LEASH = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG outlives exec
if os.getppid() == int(sys.argv[1]):  # else it was too late for that
    os.execv(sys.argv[2], sys.argv[2:])
"""


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StartError(RunStoppedError):
    """A server did not become ready."""

    def __init__(self, server: Server, what: str) -> None:
        self.tail = server.tail()
        """The end of its log."""
        super().__init__(f"{server.url} {what}; its log: {server.log}")


class Server:
    """One replica. It must be started by the main thread, or another that lives as long: its end would end it."""

    def __init__(self, python: Path, settings: list[Setting], environment: list[Setting], host: str, port: int) -> None:
        where = host if host not in ("0.0.0.0", "::") else "127.0.0.1"
        self.url = f"http://[{where}]:{port}" if ":" in where else f"http://{where}:{port}"
        handle, name = tempfile.mkstemp(prefix=f"agentrl-vllm-{port}-", suffix=".log")
        self.log = Path(name)
        words = [word for setting in settings for word in setting.words] + ["--host", host, "--port", str(port)]
        added = dict(word.split("=", 1) for setting in environment for word in setting.words)
        command = [sys.executable, "-c", _LEASH, str(os.getpid())]
        command += [str(python), "-m", "vllm.entrypoints.openai.api_server", *words]
        with os.fdopen(handle, "wb") as log:
            self._process = subprocess.Popen(
                command,
                env=os.environ | added,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def healthy(self) -> bool:
        """Whether it takes requests."""
        try:
            _direct.open(f"{self.url}/health", timeout=5).close()
        except OSError:  # urllib's own errors are some, too
            return False
        return True

    def tail(self) -> str:
        """The end of what it has written."""
        return self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()

    def signal(self, number: int) -> None:
        """Send a signal to all its processes, also those that have outlived the first."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it ends in time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


class Servers:
    """Replicas of one model, on consecutive ports of this machine; leaving the block ends them.

    Args:
        options: see `ServeOptions`.
        python: see `interpreter`.

    Raises:
        ConfigError: see `interpreter`, `look`, `flags` and `variables`; or a port is taken.
    """

    def __init__(self, options: ServeOptions, python: Path | None = None) -> None:
        self.options = options
        self._python = interpreter(python)
        self.target = look(self._python, options.model)
        self.flags = [*flags(options, self.target), *(Setting((word,), "as you say") for word in options.extra)]
        self.variables = [variables(options, self.target, i) for i in range(options.replicas)]
        self.running: list[Server] = []
        """Replicas that live, or have ended unnoticed so far."""

    @property
    def urls(self) -> list[str]:
        """Of the replicas that run."""
        return [server.url for server in self.running]

    def __enter__(self) -> Self:
        ports = _ports(self.options.host, self.options.port, self.options.replicas)
        for port, environment in zip(ports, self.variables, strict=True):
            self.running.append(Server(self._python, self.flags, environment, self.options.host, port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self.running:
            server.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for server in self.running:
            server.wait(max(0.0, deadline - time.monotonic()))
            server.signal(signal.SIGKILL)
            server.wait(STOP_S)

    def wait(self) -> None:
        """Return when every replica takes requests.

        Raises:
            StartError: one has ended, or is not ready in time.
        """
        deadline = time.monotonic() + READY_S
        for server in self.running:
            while not server.healthy:
                for other in self.running:
                    if not other.alive:
                        raise StartError(other, "has ended before it was ready")
                if time.monotonic() > deadline:
                    raise StartError(server, f"is not ready after {READY_S:g} s")
                time.sleep(_POLL_S)

    def watch(self) -> Iterator[Server]:
        """Each replica that ends, when it does; nothing of it is left then. Ends with the last one."""
        while self.running:
            for server in [s for s in self.running if not s.alive]:
                server.signal(signal.SIGKILL)
                self.running.remove(server)
                yield server
            time.sleep(_POLL_S)


def _ports(host: str, first: int, count: int) -> list[int]:
    """Free ports: consecutive from `first` on, or any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken: list[socket.socket] = []
    try:
        for i in range(count):
            taken.append(listener := socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, first and first + i))
        return [listener.getsockname()[1] for listener in taken]
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on {host}, port {first + len(taken) - 1}: {error}") from error
    finally:
        for listener in taken:
            listener.close()
