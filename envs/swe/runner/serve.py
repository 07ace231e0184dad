"""The parent of all runs: one request after another."""

from __future__ import annotations

import base64
import contextlib
import gc
import importlib
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from typing import Any

import _pytest.config

from agentrl.envs.swe.runner.fork import run_tests
from agentrl.envs.swe.runner.pipes import Reader
from agentrl.envs.swe.runner.processes import clear, out_of_reach
from agentrl.envs.swe.runner.rewriting import Rewriter
from agentrl.envs.swe.runner.watch import listing

GRACE_S = 0.5
"""In which processes that a run has left may end by themselves."""
AHEAD = ("difflib", "faulthandler", "pdb", "pprint", "unittest.mock", "_pytest._argcomplete", "_pytest._io.saferepr")
"""What a run would import otherwise."""


def main(path: str) -> None:
    """Get ready, and go on in the background: the end of the first process says that requests may come."""
    for name in (*AHEAD, *(f"_pytest.{plugin}" for plugin in _pytest.config.default_plugins)):
        importlib.import_module(name)
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
    gc.freeze()
    rewriter = Rewriter()
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                answer = _run(json.loads(line), (listener, connection), rewriter)
                connection.sendall(json.dumps(answer).encode() + b"\n")


def _run(request: dict[str, Any], private: tuple[socket.socket, ...], rewriter: Rewriter) -> dict[str, Any]:
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
        run_tests(request, folder, (results_in, output_in), key, rewriter)
    os.close(results_in)
    os.close(output_in)
    reader = Reader(results, output)
    error = reader.wait(pid, begun + request["clock_s"])
    left = clear(0.0 if error else GRACE_S)
    shutil.rmtree(folder, ignore_errors=True)
    after = listing(request["watched"], folder)
    answer = reader.answer(key)
    reader.close()
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
