"""What a fork says over its two pipes: results that bear a key, and what it prints."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from typing import Any

WAIT_S = 0.01
"""For the end of the fork, between two looks at the pipes, whose 64 KiB must last so long."""
RESULT_BYTES = 16 * 1024 * 1024
LOG_BYTES = 512 * 1024
"""Of the beginning, and of the end, of what a run prints."""
SEVERITY = ("passed", "xpass", "xfail", "skipped", "failed", "error")
"""Of what a test says in its phases the worst counts."""


class Reader:
    """Reads both while the fork runs."""

    def __init__(self, results: int, output: int) -> None:
        self.data = {results: bytearray(), output: bytearray()}
        self.open = [results, output]
        self.results, self.output, self.dropped = results, output, 0

    def wait(self, pid: int, deadline: float) -> str:
        """Until the fork ends, whoever else holds its pipes, or its time is up; returns what went wrong, or ""."""
        busy = False
        while True:
            if not busy:  # to be woken by every line would cost more than what is done about it
                signal.sigtimedwait([signal.SIGCHLD], WAIT_S)
            busy = self._take()
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                while self._take():
                    pass
                ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                return "time over" if ended == signal.SIGXCPU else f"ended by signal {ended}" if ended else ""
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return "time over"

    def _take(self) -> bool:
        """Take what is there; returns whether anything was."""
        ready = select.select(self.open, [], [], 0.0)[0]
        for pipe in ready:
            chunk = os.read(pipe, 65536)
            self.data[pipe] += chunk
            if not chunk or len(self.data[self.results]) > RESULT_BYTES:
                self.open.remove(pipe)
        if len(self.data[self.output]) > 3 * LOG_BYTES:
            self._trim()
        return bool(ready)

    def _trim(self) -> None:
        log = self.data[self.output]
        self.dropped += max(0, len(log) - 2 * LOG_BYTES)
        del log[LOG_BYTES : max(LOG_BYTES, len(log) - LOG_BYTES)]

    def close(self) -> None:
        for pipe in self.data:
            os.close(pipe)

    def log(self) -> str:
        self._trim()
        log = bytes(self.data[self.output])
        if self.dropped:
            log = log[:LOG_BYTES] + f"\n[... {self.dropped} bytes dropped ...]\n".encode() + log[LOG_BYTES:]
        return log.decode(errors="replace")

    def answer(self, key: str) -> dict[str, Any]:
        """What was said; `forged` counts the lines without the key."""
        found: dict[str, Any] = {"statuses": {}, "events": [], "compiled": [], "exit_code": None, "forged": 0}
        for line in bytes(self.data[self.results]).split(b"\n")[:-1]:
            if not line.startswith(key.encode()):
                found["forged"] += 1
                continue
            kind, *values = json.loads(line[len(key) :])
            if kind == "test":
                test, status = values
                found["statuses"][test] = max(status, found["statuses"].get(test, status), key=SEVERITY.index)
            elif kind == "event":
                found["events"].append(values)
            elif kind == "compiled":
                found["compiled"] += values
            else:
                found["exit_code"] = values[0]
        return found


def speaker(pipe: int, key: str) -> Any:
    """How a fork says a message."""
    write, dump = os.write, json.dumps

    def say(message: list[Any]) -> None:
        line = f"{key}{dump(message)}\n".encode()
        while line:
            line = line[write(pipe, line) :]

    return say
