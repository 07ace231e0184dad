"""The libraries that come with agentrl: data that is the same everywhere, and tests that hold."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agentrl.envs.swe import shipped
from agentrl.envs.swe.repository import content_hash
from agentrl.errors import UnknownNameError
from tests.conftest import require

ROOT = Path(__file__).parents[3]


def unpack(name: str, folder: Path) -> None:
    for path, content in shipped.load(name).files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def test_there_are_six_libraries_or_more() -> None:
    assert list(shipped.names()) == sorted(shipped.names())
    assert len(shipped.names()) >= 6
    assert "intervals" in shipped.names()


@pytest.mark.parametrize("name", shipped.names())
def test_library_is_named_by_its_content(name: str) -> None:
    repository = shipped.load(name)
    assert repository.name == f"agentrl/{name}"
    assert repository.commit == content_hash(repository.files)
    assert shipped.load.__wrapped__(name) == repository
    assert {path.split("/")[0] for path in repository.files} == {"README.md", "tests", name}


def test_unknown_library_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="intervals"):
        shipped.load("interval")


def test_what_tools_leave_is_no_part_of_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack("money", tmp_path / "money")
    for left in ("money/money/__pycache__/a.py", "money/.cache/b.py", "money/money/c.pyc", "__pycache__/d.py"):
        (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / left).write_bytes(b"")
    monkeypatch.setattr(shipped, "_root", lambda: tmp_path)
    assert shipped.names() == ("money",)
    assert shipped.load.__wrapped__("money") == shipped.load("money")


@pytest.mark.parametrize("name", shipped.names())
def test_suite_of_a_library_passes(name: str, tmp_path: Path) -> None:
    unpack(name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    passed = re.fullmatch(r"(\d+) passed in .*", done.stdout.splitlines()[-1])
    assert passed, done.stdout  # none fails, and none is skipped either
    assert int(passed[1]) >= 30


@pytest.mark.parametrize("name", shipped.names())
def test_library_needs_the_standard_library_alone(name: str) -> None:
    allowed = {*sys.stdlib_module_names, name}
    for path, content in shipped.load(name).files.items():
        if not path.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(content)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            extra = {"pytest"} if path.startswith("tests/") else set()
            assert {module.partition(".")[0] for module in modules} <= allowed | extra, f"{name}/{path}:{node.lineno}"
    assert name not in sys.stdlib_module_names


def test_wheel_carries_the_libraries(tmp_path: Path) -> None:
    require("setuptools")
    for name in ("agentrl", "envs", "agents", "trainers", "sandboxes"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if "/swe/repos/" in name}
    assert inside == {
        f"agentrl/envs/swe/repos/{name}/{path}": content
        for name in shipped.names()
        for path, content in shipped.load(name).files.items()
    }
