"""Repositories whose tests need more than pytest: what they declare, and sandboxes that have it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import pytest
from typer.testing import CliRunner

import agentrl  # noqa: F401 - registers
from agentrl.cli.app import app
from agentrl.envs.base import Episode
from agentrl.envs.swe import toolbox
from agentrl.envs.swe.needs import declared, pinned
from agentrl.envs.swe.workshop import workshop
from agentrl.errors import ConfigError, CorruptFileError
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.images.engine import engine
from tests.conftest import require
from tests.envs.swe.places import need
from tests.envs.swe.tiny import COUNTING, FILES, run

require("libcst")

PYPROJECT = b"""
[project]
name = "My.Tally"
dependencies = ["one>=2"]

[project.optional-dependencies]
test = ["two", "my-tally[more]"]
more = ["three; python_version > '3'"]
docs = ["sphinx"]
dev = ["black"]

[dependency-groups]
dev = ["four", {include-group = "lint"}]
lint = ["ruff"]
"""
SETUP = b"""
[options]
install_requires =
    one>=2
    five
[options.extras_require]
testing =
    six
"""


def test_what_a_project_declares_is_read() -> None:
    found = declared({"pyproject.toml": PYPROJECT, "setup.cfg": SETUP})
    assert found == ("one>=2", "five", "two", "three; python_version > '3'", "six", "four", "ruff")
    assert declared({"setup.py": b"raise SystemExit"}) == ()
    assert declared(FILES) == ()
    assert pinned(()) == ()


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": b"[project"},
        {"pyproject.toml": b"\xff"},
        {"pyproject.toml": b'[project]\ndependencies = ["no requirement"]'},
        {"pyproject.toml": b'[project]\ndependencies = "one"'},
        {"pyproject.toml": b'[dependency-groups]\ntest = [{include-group = "none"}]'},
        {"setup.cfg": b"install_requires = one"},
    ],
)
def test_what_cannot_be_read_is_told(files: dict[str, bytes]) -> None:
    with pytest.raises(CorruptFileError, match="do not tell what the tests need"):
        declared(files)


Publish = Callable[[str, str], None]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """All that pip knows of: pytest as it is installed here, and what is published: a module and its source."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in toolbox._closure("pytest", platform.python_version()):
        found = importlib.metadata.distribution(name)
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{found.version}-py3-none-any.whl", "w") as wheel:
            for file in found.files or ():
                if ".." not in file.parts and "__pycache__" not in file.parts:
                    wheel.write(str(file.locate()), str(file))

    def publish(name: str, source: str) -> None:
        about = f"{name}-1.5.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.5-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", source)
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")

    for name, value in {"CONFIG_FILE": "/dev/null", "NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return publish


def test_requirements_are_pinned_with_all_that_they_need(index: Publish) -> None:
    index("arithmetic", "")
    found = pinned(["arithmetic>=1"])
    assert "arithmetic==1.5" in found
    assert f"pytest=={importlib.metadata.version('pytest')}" in found
    with pytest.raises(ConfigError, match="arithmetic>=2"):
        pinned(["arithmetic>=2"])


@pytest.fixture(params=["process", "docker"])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    need(request.param)
    before = outfits() if request.param == "docker" else set()
    yield request.param
    workshop().call(workshop().close())
    if request.param == "docker":
        with engine() as client:
            for image in outfits() - before:
                client.images.remove(image, force=True)


def outfits() -> set[str]:
    with engine() as client:
        return {image.id for image in client.images.list(filters={"reference": f"{IMAGES['swe'].tag}-*"})}


def test_tasks_of_a_repository_that_needs_a_package(
    index: Publish, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path / "cache"))
    index("arithmetic", "def add(a, b):\n    return a + b\n")
    repo, out = tmp_path / "tally", tmp_path / "tasks.jsonl"
    project = b'[project]\nname = "tally"\nversion = "1"\ndependencies = ["arithmetic"]\n'
    counting = "from arithmetic import add\n\n\n" + COUNTING.replace("result += number", "result = add(result, number)")
    for path, content in {**FILES, "pyproject.toml": project, "tally/counting.py": counting.encode()}.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_bytes(content)
    run(repo, "init", "-q")
    run(repo, "add", "-A")
    run(repo, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "Count")
    build = ["swe", "build", "--repo", str(repo), "--out", str(out), "--limit", "2", "--sandbox", kind, "--jobs", "1"]
    bare = CliRunner().invoke(app, build)
    assert isinstance(bare.exception, ConfigError)
    assert "--install" in str(bare.exception)
    done = CliRunner().invoke(app, [*build, "--install", "--json"])
    assert done.exit_code == 0, done.exception
    assert json.loads(done.output)["repositories"][0]["tests"] == 5
    env = gym.make("SWE-v0", file=str(out), sandbox=kind)
    assert isinstance(env, Episode)
    env.reset(options={"task": env.tasks("train")[0]})
    assert (
        "1.5" in env.step("python -c 'import arithmetic, importlib.metadata as m; print(m.version(\"arithmetic\"))'")[0]
    )
    for action in env.oracle():
        last = env.step(action)
    assert last[4]["outcome"].solved, last
    env.close()
