"""The parent of all runs: one request after another."""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from typing import Any

from agentrl.envs.swe.runner.ahead import Modules, get_ready
from agentrl.envs.swe.runner.fork import run_tests
from agentrl.envs.swe.runner.pipes import Reader
from agentrl.envs.swe.runner.processes import clear, out_of_reach
from agentrl.envs.swe.runner.rewriting import Rewriter
from agentrl.envs.swe.runner.watch import listing

GRACE_S = 0.5
"""In which processes that a run has left may end by themselves."""


def main(path: str) -> None:
    """Get ready, and go on in the background: the end of the first process says that requests may come."""
    get_ready()
    if os.path.exists(path):
        os.unlink(path)  # in the copy of a sandbox
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    out_of_reach()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # is waited for
    gc.freeze()
    rewriter, modules = Rewriter(), Modules()
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                answer = _run(json.loads(line), (listener, connection), rewriter, modules)
                connection.sendall(json.dumps(answer).encode() + b"\n")


def _run(
    request: dict[str, Any], private: tuple[socket.socket, ...], rewriter: Rewriter, modules: Modules
) -> dict[str, Any]:
    """Fork, run, clear up."""
    begun = time.monotonic()
    _put(request["root"], request["put"], request["executable"])
    wanted = request["paths"] if request["tests"] is None else {test.split("::")[0] for test in request["tests"]}
    rewriter.prepare([os.path.join(request["root"], path) for path in wanted], request["canary"])
    folder = tempfile.mkdtemp(prefix="run-", dir="/tmp")
    before = listing(request["watched"], folder)
    key = secrets.token_hex(16)
    (results, results_in), (output, output_in) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        for each in (results, output, *(each.fileno() for each in private)):
            os.close(each)
        run_tests(request, folder, (results_in, output_in), key, rewriter, modules)
    os.close(results_in)
    os.close(output_in)
    reader = Reader(results, output)
    error = reader.wait(pid, begun + request["clock_s"])
    left = clear(0.0 if error else GRACE_S)
    shutil.rmtree(folder, ignore_errors=True)
    after = listing(request["watched"], folder)
    answer = reader.answer(key)
    reader.close()
    for path in answer.pop("compiled"):
        name = os.path.relpath(path, request["root"])
        if not error and name not in request["put"] and not name.startswith(os.pardir):
            modules.keep(path)
    answer["left"] = left
    answer["changed"] = sorted(path for path in {**before, **after} if before.get(path) != after.get(path))
    answer["log"] = reader.log()
    answer["error"] = error or ("" if answer["exit_code"] is not None else "ended before its time")
    answer["seconds"] = time.monotonic() - begun
    return answer


def _put(root: str, files: dict[str, str | None], executable: list[str]) -> None:
    """Write files, in base 64, and remove others."""
    for name, content in files.items():
        path = os.path.join(root, name)
        if content is None:
            os.unlink(path)
            with contextlib.suppress(OSError):  # not empty
                os.removedirs(os.path.dirname(path))
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(base64.b64decode(content))
            os.chmod(path, 0o755 if name in executable else 0o644)
