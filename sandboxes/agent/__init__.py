"""The process that rules a sandbox from inside: PID 1, driven by frames on its standard input and output.

The image brings nothing but `python3`, 3.8 or later: the host hands these files over as an argument of `python3 -c`. So
they use the standard library only, and nothing of agentrl but each other.

Commands have the same user as PID 1 and must still not get hold of it. Their signals do not reach it, and as it is not
dumpable, neither ptrace nor /proc/1/fd does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_MODULES = ("frames", "processes", "archive", "stream", "command", "loop")
"""In the order in which they import each other."""

_BOOT = """
import sys, types
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
module.main(float(sys.argv[1]))
"""


@cache
def argv() -> tuple[str, ...]:
    """Arguments of `python3` that start the agent; what follows is the lifetime of the sandbox in seconds."""
    sources = [(f"{__name__}.{name}", (Path(__file__).parent / f"{name}.py").read_text()) for name in _MODULES]
    return "-I", "-S", "-c", _BOOT.format(sources=sources)
