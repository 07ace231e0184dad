"""The program that runs tests in a sandbox: imports pytest once, and forks for every run.

It is handed over as source (`agentrl.envs.swe.testing`), so it uses nothing but the standard library and pytest, and
runs on Python 3.8 and later. It serves one request after another on a Unix socket: a line of JSON in, a line out.

The code under test runs in the fork, and might do there whatever it can: so what the fork says is judged outside of it.
Results come over a pipe and bear a key; what it asked of the interpreter is written down by an audit hook, which cannot
be taken off; processes and files that it left are found by the parent, which is not dumpable.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import secrets
import select
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from typing import Any

sys.path.remove("")  # the folder that we happen to be in
try:
    import pytest
except ImportError:
    sys.path.insert(0, sys.argv[2])  # where the host put it
    import pytest

import _pytest.config

LOG_BYTES = 512 * 1024
"""Of the beginning, and of the end, of what a run prints."""
RESULT_BYTES = 16 * 1024 * 1024
GRACE_S = 0.5
"""In which processes that a run has left may end by themselves."""
WATCHED = (
    *("ctypes.", "gc.", "marshal.", "pty.", "socket.", "subprocess.", "syslog."),
    *("code.__new__", "compile", "exec", "object.__getattr__", "object.__setattr__", "object.__delattr__"),
    *("os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.putenv", "os.spawn"),
    *("os.system", "os.unsetenv", "signal.pthread_kill", "sys._current_", "sys._getframe", "sys.addaudithook"),
    *("sys.excepthook", "sys.setprofile", "sys.settrace", "sys.unraisablehook"),
)
"""Audit events, by their beginning, that are written down if code of the repository raises them outside its tests."""
LIMITS = {"core": 0, "fsize": 64 << 20}
SEVERITY = ("passed", "xpass", "xfail", "skipped", "failed", "error")
"""Of what a test says in its phases the worst counts."""


def main() -> None:
    """Get ready, and go on in the background: the end of the first process says that requests may come."""
    libc = ctypes.CDLL(None)
    for name in (*_pytest.config.default_plugins, "_io.saferepr", "_code.source", "assertion.util", "outcomes"):
        importlib.import_module("_pytest." + name)
    for name in ("difflib", "pdb", "pprint", "unittest.mock"):
        importlib.import_module(name)
    if os.path.exists(sys.argv[1]):
        os.unlink(sys.argv[1])  # of a sandbox that this one is a copy of
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: daemons of a run become our children
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no ptrace, no /proc/PID/mem or fd
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                answer = run(json.loads(line), [listener, connection])
                connection.sendall(json.dumps(answer).encode() + b"\n")


def run(request: dict[str, Any], private: list[Any]) -> dict[str, Any]:
    """Fork, run, collect, clear up."""
    begun = time.monotonic()
    folder = tempfile.mkdtemp(prefix="run-", dir="/tmp")
    before = listing(request["watched"], folder)
    key = secrets.token_hex(16)
    (results, results_in), (output, output_in) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        for each in (results, output, *(each.fileno() for each in private)):
            os.close(each)
        child(request, folder, results_in, output_in, key)
    os.close(results_in)
    os.close(output_in)
    reader = Reader(results, output)
    error = wait(pid, reader, begun + request["timeout_s"])
    left = clear(0.0 if error else GRACE_S)
    shutil.rmtree(folder, ignore_errors=True)
    after = listing(request["watched"], folder)
    answer = collect(bytes(reader.data[results]), key)
    reader.close()
    answer["left"] = left
    answer["changed"] = sorted(path for path in {**before, **after} if before.get(path) != after.get(path))
    answer["log"] = reader.log()
    answer["error"] = error or ("" if answer["exit_code"] is not None else "ended before its time")
    answer["seconds"] = time.monotonic() - begun
    return answer


def child(request: dict[str, Any], folder: str, results: int, output: int, key: str) -> None:
    """The fork: never returns."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        seconds = int(request["timeout_s"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        for name, value in {**LIMITS, "as": request["memory"]}.items():
            kind = getattr(resource, "RLIMIT_" + name.upper())
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
        root = request["root"]
        os.chdir(root)
        own = {"HOME": folder, "TMPDIR": folder, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
        path = [os.path.normpath(os.path.join(root, part)) for part in request["python_path"]]
        os.environ.clear()
        os.environ.update({"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONPATH": ":".join(path), **own})
        if not request["plugins"]:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        time.tzset()
        tempfile.tempdir = None
        sys.path[:0] = path
        if root not in path:
            sys.path.append(root)
        sys.argv[:] = ["pytest"]
        say = speaker(results, key)
        wanted = request["tests"]
        files = request["paths"] if wanted is None else list(dict.fromkeys(test.split("::")[0] for test in wanted))
        arguments = ["-p", "no:cacheprovider", "--continue-on-collection-errors", "--rootdir", root]
        arguments += ["--basetemp", os.path.join(folder, "tmp"), *filter(os.path.exists, files)]
        watch(root, tuple(os.path.join(root, test) for test in request["paths"]), say)
        code = pytest.main(arguments, [Reporter(say, None if wanted is None else set(wanted))])
        sys.stdout.flush()
        sys.stderr.flush()
        say(["end", int(code)])
    except BaseException as error:  # noqa: BLE001 - whatever ends the fork is told, and goes no further up
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(0)


def speaker(pipe: int, key: str) -> Any:
    write, dump = os.write, json.dumps

    def say(message: list[Any]) -> None:
        line = f"{key}{dump(message)}\n".encode()
        while line:
            line = line[write(pipe, line) :]

    return say


def watch(root: str, tests: tuple[str, ...], say: Any) -> None:
    """Write down what the repository's own code asks of the interpreter, once per file."""
    seen: set[tuple[str, str]] = set()
    frame_of, inside = sys._getframe, root + os.sep
    busy = False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal busy
        if busy or not event.startswith(WATCHED):
            return
        busy = True
        try:
            frame = frame_of(1)
            if frame.f_code.co_filename.endswith(("/inspect.py", "/subprocess.py", "/ctypes/__init__.py")):
                while frame.f_back and not frame.f_code.co_filename.startswith(inside):
                    frame = frame.f_back
            file = frame.f_code.co_filename
            if file.startswith(inside) and not file.startswith(tests):
                name = f"{event} {args[1]}" if event.startswith("object.") else event
                if (name, file) not in seen:
                    seen.add((name, file))
                    say(["event", name, file[len(inside) :], frame.f_lineno])
        finally:
            busy = False

    sys.addaudithook(hook)


class Reporter:
    """A plugin of pytest: keeps to the wanted tests, and says how each ends."""

    def __init__(self, say: Any, wanted: set[str] | None) -> None:
        self.say, self.wanted = say, wanted

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        if self.wanted is not None:
            out = [item for item in items if item.nodeid not in self.wanted]
            items[:] = [item for item in items if item.nodeid in self.wanted]
            config.hook.pytest_deselected(items=out)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if hasattr(report, "wasxfail"):
            status = "xfail" if report.skipped else "xpass"
        elif report.failed:
            status = "failed" if report.when == "call" else "error"
        elif report.skipped:
            status = "skipped"
        elif report.when == "call":
            status = "passed"
        else:
            return
        self.say(["test", report.nodeid, status])


class Reader:
    """What comes from a fork over its two pipes, while it runs."""

    def __init__(self, results: int, output: int) -> None:
        self.data = {results: bytearray(), output: bytearray()}
        self.open = [results, output]
        self.results, self.output, self.dropped = results, output, 0

    def take(self, seconds: float) -> None:
        """Wait so long for something, and take it."""
        for pipe in select.select(self.open, [], [], seconds)[0]:
            chunk = os.read(pipe, 65536)
            self.data[pipe] += chunk
            if not chunk or len(self.data[self.results]) > RESULT_BYTES:
                self.open.remove(pipe)
        log = self.data[self.output]
        if len(log) > 3 * LOG_BYTES:
            self.dropped += len(log) - 2 * LOG_BYTES
            del log[LOG_BYTES:-LOG_BYTES]

    def log(self) -> str:
        log = bytes(self.data[self.output])
        if self.dropped:
            log = log[:LOG_BYTES] + b"\n[... %d bytes dropped ...]\n" % self.dropped + log[LOG_BYTES:]
        return log.decode(errors="replace")

    def close(self) -> None:
        for pipe in self.data:
            os.close(pipe)


def wait(pid: int, reader: Reader, deadline: float) -> str:
    """Until the fork ends, whoever else holds its pipes, or its time is up; returns what went wrong, or ""."""
    while True:
        reader.take(0.05 if reader.open else 0.001)
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            reader.take(0.0)
            return f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "time over"


def clear(grace_s: float) -> list[str]:
    """Kill what a run has left running; returns its command lines, but for what ended by itself in time."""
    begun, found = time.monotonic(), {}
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return sorted(found.values())
        if time.monotonic() < begun + grace_s:
            time.sleep(0.005)
            continue
        for child in descendants():
            found[child] = command_line(child)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.001)


def descendants() -> list[int]:
    """Living processes below this one."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in (b"Z", b"X"):
            parents[int(name)] = int(parent)
    level, found = {os.getpid()}, set()
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return list(found)


def command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(200).replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return "?"


def collect(results: bytes, key: str) -> dict[str, Any]:
    """What a fork said that bears the key; `forged` counts what does not."""
    found: dict[str, Any] = {"statuses": {}, "events": [], "exit_code": None, "forged": 0}
    for line in results.splitlines():
        if not line.startswith(key.encode()):
            found["forged"] += 1
            continue
        try:
            kind, *values = json.loads(line[len(key) :])
        except ValueError:  # the last one, cut off with the fork
            continue
        if kind == "test":
            worst = max(values[1], found["statuses"].get(values[0], "passed"), key=SEVERITY.index)
            found["statuses"][values[0]] = worst
        elif kind == "event":
            found["events"].append(values)
        else:
            found["exit_code"] = values[0]
    return found


def listing(roots: list[str], leave: str) -> dict[str, Any]:
    """Every file below some folders, with what changes when somebody writes it."""
    found = {}
    for root in roots:
        for folder, names, files in os.walk(root):
            names[:] = [name for name in names if os.path.join(folder, name) != leave]
            for name in (*names, *files):
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                folder_too = stat.S_ISDIR(status.st_mode)
                found[path] = status.st_mode if folder_too else (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


if __name__ == "__main__":
    main()
