"""What runs have in common, done before the fork: imports, pytest's plugins, bytecode of what does not change."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import inspect
import os
import pathlib
import sys
import tempfile
import types
from typing import Any

import _pytest.config
import pytest
from _pytest import fixtures, python
from _pytest._code import code
from _pytest.mark import structures

OPTIONS = ["-p", "no:cacheprovider"]
SPARED = [
    "--capture=sys",
    *(f"-pno:{plugin}" for plugin in ("logging", "warnings", "unraisableexception", "threadexception")),
]
"""What else takes a third of a run, for nothing if neither tests nor settings speak of it."""
_WORDS = (b"addopts", b"caplog", b"capfd", b"deprecated_call", b"logging", b"\nlog_", b"subprocess", b"warn")
_SETTINGS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "conftest.py")
_REHEARSED = """
def test_right():
    assert [1] == [1]


def test_wrong():
    assert [
        1
    ] == [2]
"""
"""A test that passes, and one whose failure is told from more than a line."""
KEPT = 1024
"""Modules."""
_LIBRARIES = (
    *("abc", "asyncio", "base64", "bisect", "calendar", "collections.abc", "contextlib", "copy", "csv", "dataclasses"),
    *("datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "html", "itertools", "json"),
    *("logging", "math", "numbers", "operator", "random", "re", "statistics", "string", "textwrap", "typing"),
    *("unicodedata", "unittest.mock", "urllib.parse", "uuid", "weakref", "xml.etree.ElementTree", "zoneinfo"),
)
"""Of the standard library, what repositories often import; that they are there already changes nothing."""


def get_ready() -> None:
    """Import what a run would import, and have the first `pytest.main` of a fork find its plugins registered."""
    for name in (*_LIBRARIES, *(f"_pytest.{plugin}" for plugin in _pytest.config.default_plugins)):
        importlib.import_module(name)
    _rehearse()
    usual = _pytest.config.get_config
    made = usual(OPTIONS)

    def get_config(args: Any = None, plugins: Any = None, **_: Any) -> Any:
        _pytest.config.get_config = usual  # a test may call pytest.main as well
        made.invocation_params = made.InvocationParams(args=args or (), plugins=plugins, dir=pathlib.Path.cwd())
        return made

    _pytest.config.get_config = get_config
    _know_fixtures([plugin for _, plugin in made.pluginmanager.list_name_plugin()])
    _parse_once()
    _locate_cheaply()


def _rehearse() -> None:
    """Run two tests: what is imported and remembered for that, such as regular expressions, is there in all runs."""
    kept, null = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    path = [*sys.path]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "README").touch()
        for name in ("tests", "library"):
            (root / name).mkdir()
        test = root / "tests" / "test_rehearsal.py"
        test.write_text(_REHEARSED)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # those of others may start what does not survive a fork
        try:
            pytest.main([*OPTIONS, "-q", "--tb=short", "--rootdir", folder, str(test)])
        finally:
            del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
            sys.stdout.flush()
            sys.stderr.flush()
            for target, stream in enumerate(kept, 1):
                os.dup2(stream, target)
            sys.path[:] = path
            sys.modules.pop("test_rehearsal", None)
    for stream in (*kept, null):
        os.close(stream)
    inspect.getmodule(get_ready.__code__)  # which remembers the file of every module, for tracebacks


def _know_fixtures(plugins: list[Any]) -> None:
    """Have pytest find the fixtures of its own plugins without looking at every name in them in each run."""
    usual = fixtures.FixtureManager.pytest_plugin_registered
    kinds = getattr(fixtures, "FixtureFunctionDefinition", None)
    if kinds is None:
        return  # before pytest 8.4 they are plain functions, and it looks at less
    known: dict[int, Any] = {}
    for plugin in filter(inspect.ismodule, plugins):
        found = {name: value for name, value in vars(plugin).items() if isinstance(value, kinds)}
        known[id(plugin)] = slim = types.ModuleType(plugin.__name__) if found else None
        if slim:
            vars(slim).update(found)

    def pytest_plugin_registered(self: Any, plugin: Any, plugin_name: str) -> None:
        slim = known.get(id(plugin), plugin)
        if slim is not None and not type(slim).__module__.startswith("_pytest."):  # its own objects have none
            usual(self, slim, plugin_name)

    fixtures.FixtureManager.pytest_plugin_registered = pytest_plugin_registered  # type: ignore[method-assign]


def _parse_once() -> None:
    """Have pytest parse a file for its tracebacks once in a run, not once for each failed test."""
    usual, trees = code.TracebackEntry.getsource, {}  # type: ignore[var-annotated]
    code.TracebackEntry.getsource = lambda self, astcache=None: usual(self, trees)  # type: ignore[method-assign]


def _locate_cheaply() -> None:
    """Have pytest not look up the line of each test, which nobody asks for."""
    location = functools.cached_property(lambda self: (self.nodeid.partition("::")[0], None, self.getmodpath()))
    location.__set_name__(python.Function, "location")
    python.Function.location = location  # type: ignore[assignment]


def report_briefly() -> None:
    """Have reports name no more than a test's own keywords, which nobody asks for; once the tests are collected."""
    structures.NodeKeywords.__iter__ = lambda self: iter(self._markers)  # type: ignore[method-assign]


def spared(root: str, tests: list[str]) -> list[str]:
    """Options that spare plugins which these files of tests, or folders, have no use for."""
    files = {os.path.join(root, name) for name in _SETTINGS}
    for path in (os.path.join(root, test) for test in tests):
        for folder, names, found in os.walk(path):
            names[:] = [name for name in names if name[:1] not in "._"]
            files.update(os.path.join(folder, name) for name in found if name.endswith(".py"))
        if not os.path.isdir(path):
            files.add(path)
        while len(path := os.path.dirname(path)) > len(root):
            files.add(os.path.join(path, "conftest.py"))
    for path in filter(os.path.isfile, files):
        with open(path, "rb") as file:
            content = file.read()
            if any(word in content for word in _WORDS):
                return []
    return SPARED


class Modules:
    """Bytecode of modules, by path and content. A run says which it had to compile; the parent compiles those of them
    for later runs that the run before has not changed."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, bytes], Any] = {}

    def install(self, say: Any) -> None:
        """Have imports take what is kept."""
        loader: Any = importlib.machinery.SourceFileLoader
        usual, kept = loader.source_to_code, self.kept

        def source_to_code(self: Any, data: Any, path: Any, **options: Any) -> Any:
            code = kept.get((path, bytes(data)))
            if code is None:
                code = usual(self, data, path, **options)
                say(["compiled", path])
            return code

        loader.source_to_code = source_to_code

    def keep(self, path: str) -> None:
        """Compile a module that has been compiled in a run."""
        try:
            with open(path, "rb") as file:
                source = file.read()
            code = compile(source, path, "exec", dont_inherit=True)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return  # it has changed since
        if len(self.kept) >= KEPT:
            self.kept.clear()
        self.kept[path, source] = code
