"""The program that runs tests in a sandbox: imports pytest once, and forks for every run.

The host hands these files over as an argument of `python3 -c`, so they use nothing but the standard library, pytest and
each other, and run on Python 3.8 and later. One request after another comes over a Unix socket: a line of JSON in, a
line out.

The code under test runs in the fork, and may do there whatever it can; so all that the fork says is judged outside. Its
results come over a pipe and bear a key. What it asks of the interpreter is written down by an audit hook, which cannot
be taken off. The processes and files that it leaves are found by the parent, which it can kill but not get hold of: it
is not dumpable.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_MODULES = ("processes", "pipes", "watch", "rewriting", "ahead", "fork", "serve")
"""In the order in which they import each other."""

_BOOT = """
import sys, types
sys.path.remove("")
try:
    import pytest
except ImportError:
    sys.path.insert(0, sys.argv[2])
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
module.main(sys.argv[1])
"""


@cache
def program() -> bytes:
    """Python source, which takes two arguments: where to listen, and where pytest is if Python does not find it."""
    sources = [(f"{__name__}.{name}", (Path(__file__).parent / f"{name}.py").read_text()) for name in _MODULES]
    return _BOOT.format(sources=sources).encode()
