"""A shell command: its output, its time limit, its end."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from typing import Any

from agentrl.sandboxes.agent.frames import CHUNK, Header
from agentrl.sandboxes.agent.processes import (
    SHELL,
    adopts_nothing_but_ours,
    as_subreaper,
    children,
    kill_tree,
    oom_kills,
)


class Output:
    """The first and the last bytes of what a command writes; what lies between is counted and dropped."""

    def __init__(self, limit: int) -> None:
        self.half = limit // 2
        self.head, self.tail = bytearray(), bytearray()
        self.dropped = 0

    def add(self, data: bytes) -> None:
        room = self.half - len(self.head)
        self.head += data[:room]
        self.tail += data[room:]
        if len(self.tail) > self.half + CHUNK:
            self._trim()

    def _trim(self) -> None:
        excess = max(0, len(self.tail) - self.half)
        self.dropped += excess
        del self.tail[:excess]

    def content(self) -> bytes:
        self._trim()
        gap = f"\n[... {self.dropped} bytes dropped ...]\n".encode() if self.dropped else b""
        return bytes(self.head + gap + self.tail)


class Command:
    """One that runs, from its start to the answer."""

    def __init__(self, agent: Any, request: Header, stdin: bytes) -> None:
        self.agent, self.id, self.begun = agent, request["id"], time.monotonic()
        self.timed_out = False
        self.ooms = oom_kills()
        self.background = set() if adopts_nothing_but_ours() else children()
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", SHELL, "sh", request["command"]],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=request["workdir"] or None,
            start_new_session=True,
            preexec_fn=as_subreaper,
        )
        self.outputs = {}
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            self.outputs[pipe] = Output(request["output_limit"])
            os.set_blocking(pipe.fileno(), False)
            agent.watch(pipe, selectors.EVENT_READ, lambda pipe=pipe: self.drain(pipe))
        self.unsent = memoryview(stdin)
        if self.process.stdin:
            os.set_blocking(self.process.stdin.fileno(), False)
            agent.watch(self.process.stdin, selectors.EVENT_WRITE, self.feed)
        agent.roots[self.process.pid] = self.ended
        agent.at(self.begun + request["timeout_s"], self.time_over)

    def feed(self) -> None:
        assert self.process.stdin
        try:
            self.unsent = self.unsent[os.write(self.process.stdin.fileno(), self.unsent) :]
        except BrokenPipeError:
            self.unsent = memoryview(b"")
        if not self.unsent:
            self.agent.drop(self.process.stdin)

    def drain(self, pipe: Any) -> None:
        """Take what is in a pipe, but no more than a chunk, or a quick writer would have us here for ever."""
        try:
            data = os.read(pipe.fileno(), CHUNK)
        except BlockingIOError:
            return
        if data:
            self.outputs[pipe].add(data)
        else:
            self.agent.drop(pipe)

    def time_over(self) -> None:
        self.agent.reap()
        if self.process.pid in self.agent.roots:
            self.timed_out = True
            background = children() if adopts_nothing_but_ours() else self.background
            kill_tree(self.process.pid, self.agent.roots, background)

    def ended(self, status: int) -> None:
        self.process.returncode = status  # so that subprocess does not wait for it
        for pipe in self.outputs:
            if not pipe.closed:
                self.drain(pipe)
                self.agent.drop(pipe)
        if self.process.stdin:
            self.agent.drop(self.process.stdin)
        stdout, stderr = (output.content() for output in self.outputs.values())
        exit_code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        header = {
            "exit_code": None if self.timed_out else exit_code,
            "seconds": time.monotonic() - self.begun,
            "truncated": any(output.dropped for output in self.outputs.values()),
            "oom_killed": oom_kills() > self.ooms,
            "stdout": len(stdout),
        }
        self.agent.answer(self.id, header, stdout + stderr)
