"""The fork that runs pytest."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import tempfile
import time
from typing import Any

import pytest

from agentrl.envs.swe.runner.ahead import OPTIONS, Modules, report_briefly, spared
from agentrl.envs.swe.runner.pipes import speaker
from agentrl.envs.swe.runner.rewriting import Rewriter
from agentrl.envs.swe.runner.watch import watch

GARBAGE = 50_000
"""New objects between two looks for garbage: with the usual 700 that takes a sixth of a run."""
FILE_BYTES = 64 << 20
"""The largest file that a test may write."""


def run_tests(
    request: dict[str, Any], folder: str, pipes: tuple[int, int], key: str, rewriter: Rewriter, modules: Modules
) -> None:
    """Run the tests of a request, with a folder of one's own for files. Never returns.

    Args:
        pipes: for results, and for what is printed.
    """
    try:
        results, output = pipes
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        _limit(request)
        gc.set_threshold(GARBAGE)
        root = request["root"]
        _settle(request, folder)
        wanted = request["tests"]
        files = request["paths"] if wanted is None else list(dict.fromkeys(test.split("::")[0] for test in wanted))
        say = speaker(results, key)
        rewriter.install(request["canary"], say)
        modules.install(say)
        watch(root, tuple(os.path.join(root, path) for path in request["paths"]), say)
        arguments = [
            *OPTIONS,
            *([] if request["plugins"] else spared(root, files)),
            "--continue-on-collection-errors",
            *(("--tb=no", "-rN") if request["canary"] else ("--tb=short",)),
            "-q",
            "--rootdir",
            root,
        ]
        arguments += ["--basetemp", os.path.join(folder, "tmp"), *filter(os.path.exists, files)]
        code = pytest.main(arguments, [_Reporter(say, None if wanted is None else set(wanted))])
        sys.stdout.flush()
        sys.stderr.flush()
        say(["end", int(code)])
    except BaseException as error:  # noqa: BLE001 - whatever ends the fork is told, and goes no further up
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(0)


def _limit(request: dict[str, Any]) -> None:
    seconds = int(request["processor_s"]) + 1
    limits = {"CPU": (seconds, seconds + 1), "AS": (request["memory"],) * 2, "FSIZE": (FILE_BYTES,) * 2, "CORE": (0, 0)}
    for name, values in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        soft, hard = values if hard == resource.RLIM_INFINITY else (min(value, hard) for value in values)
        resource.setrlimit(kind, (soft, hard))


def _settle(request: dict[str, Any], folder: str) -> None:
    """Its folder, environment and search path."""
    root = request["root"]
    os.chdir(root)
    path = [os.path.normpath(os.path.join(root, part)) for part in request["python_path"]]
    os.environ.clear()
    os.environ.update(PATH=os.defpath, LANG="C.UTF-8", TZ="UTC", HOME=folder, TMPDIR=folder, PYTHONPATH=":".join(path))
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0", PYTHONNOUSERSITE="1")
    if not request["plugins"]:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    time.tzset()
    tempfile.tempdir = None
    sys.path[:0] = path
    if root not in path:
        sys.path.append(root)
    sys.argv[:] = ["pytest"]


class _Reporter:
    """A plugin of pytest: keeps to the wanted tests, and says how each ends."""

    def __init__(self, say: Any, wanted: set[str] | None) -> None:
        self.say, self.wanted = say, wanted

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        if self.wanted is not None:
            config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self.wanted])
            items[:] = [item for item in items if item.nodeid in self.wanted]

    def pytest_runtestloop(self) -> None:
        report_briefly()

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
