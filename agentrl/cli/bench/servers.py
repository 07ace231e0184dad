"""Servers in processes of their own, while they are measured."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agentrl.errors import InfraError

_READY_S, _STOP_S = 60.0, 10.0


def serve_command(*arguments: str) -> list[str]:
    """The command line of our own server, for `running`."""
    return [sys.executable, "-c", "from agentrl.cli import main; main()", "serve", *arguments, "--port"]


@contextmanager
def running(command: Sequence[str]) -> Iterator[tuple[str, int]]:
    """A server's address and process id, while it runs.

    Args:
        command: that starts it; a free port is appended.

    Raises:
        InfraError: it does not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + _READY_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                said = process.communicate()[1].strip().rpartition("\n")[2]
                raise InfraError(f"{' '.join(command)} {port} does not start: {said}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def tree_rss(pid: int) -> int:
    """Resident bytes of a process and all its descendants; pages that they share count once for each."""
    total, waiting = 0, [pid]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        try:
            total += int((folder / "status").read_text().partition("VmRSS:")[2].split()[0]) * 1024
            for thread in (folder / "task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue  # it has just ended
    return total
