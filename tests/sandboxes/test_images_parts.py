"""What goes into an image, and where it comes from: everything about building that needs no engine."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

import agentrl
from agentrl.errors import ConfigError, InfraError, UnknownNameError
from agentrl.registry import ENVIRONMENTS
from agentrl.sandboxes.images.catalog import IMAGES, checkout, with_parents
from agentrl.sandboxes.images.context import context
from tests.conftest import require

require("docker.errors")  # `docker` alone might be our folder
from agentrl.sandboxes.images.engine import engine
from agentrl.sandboxes.images.wheelhouse import Target, make_here, requirements, wheelhouse

HERE = Target((3, 11), "x86_64", "glibc", (2, 36))
PYPROJECT = """
[project]
name = "agentrl"
dependencies = ["numpy>=2"]
[project.optional-dependencies]
one = ["agentrl[two, three]", "docker"]
two = ["textworld"]
three = ["numpy>=2"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout, small."""
    root = tmp_path / "checkout"
    (root / "envs" / "__pycache__").mkdir(parents=True)
    (root / "agentrl").mkdir()
    (root / "agentrl" / "envs").symlink_to("../envs")
    for name in ("sandboxes", "agents", "trainers", "runs"):
        (root / name).mkdir()
    for name in (
        "envs/base.py",
        "envs/__pycache__/base.pyc",
        "README.md",
        "LICENSE",
        "runs/big.bin",
        "trainers/a.toml",
    ):
        (root / name).write_text(name)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "constraints.txt").write_text("numpy==2.4.6\n")
    return root


def packed(folder: Path, project: Path, wheels: Path | None = None) -> bytes:
    out = io.BytesIO()
    context(out, folder, wheels=wheels, sources=project)
    return out.getvalue()


def test_every_image_has_a_dockerfile_and_a_parent_before_it() -> None:
    for index, (name, image) in enumerate(IMAGES.items()):
        assert name == image.name
        assert not image.parent or image.parent in list(IMAGES)[:index]
        assert (checkout() / "docker" / name / "Dockerfile").is_file()
        assert image.tag == f"agentrl/{name}:{agentrl.__version__}"


@pytest.mark.parametrize("name", ["text", "web"])
def test_an_image_serves_every_environment_that_it_has_the_packages_of(name: str) -> None:
    lines = (checkout() / "docker" / name / "Dockerfile").read_text().splitlines()
    (command,) = (json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD "))
    extras = IMAGES[name].extras
    assert extras
    served = [env_id for env_id in command if env_id in ENVIRONMENTS]
    assert served == sorted(served)
    assert {env_id for env_id in served if ENVIRONMENTS[env_id].extra} == {
        entry.env_id for entry in ENVIRONMENTS.values() if entry.extra in extras
    }


def test_an_image_brings_its_parents() -> None:
    assert [image.name for image in with_parents(["text"])] == ["base", "text"]
    assert [image.name for image in with_parents(["base"])] == ["base"]
    assert [image.name for image in with_parents([])] == list(IMAGES)
    with pytest.raises(UnknownNameError, match="did you mean 'text'"):
        with_parents(["texts"])


def test_without_a_checkout_there_is_nothing_to_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(agentrl, "__file__", str(tmp_path / "site-packages" / "agentrl" / "__init__.py"))
    with pytest.raises(ConfigError, match="clone its repository"):
        checkout()


def test_a_context_holds_the_packages_and_nothing_else(project: Path, tmp_path: Path) -> None:
    folder, wheels = tmp_path / "docker", tmp_path / "cache" / "wheels"
    folder.mkdir()
    wheels.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (wheels / "a.whl").write_bytes(b"wheel")
    with tarfile.open(fileobj=io.BytesIO(packed(folder, project, wheels))) as archive:
        assert set(archive.getnames()) == {
            *("Dockerfile", "wheels/a.whl", "src/pyproject.toml", "src/README.md", "src/LICENSE"),
            *("src/agentrl/envs", "src/envs/base.py", "src/trainers/a.toml"),
        }
        link = archive.getmember("src/agentrl/envs")
        assert link.issym()
        assert link.linkname == "../envs"
        assert {(entry.uid, entry.gid, entry.mtime, entry.uname) for entry in archive} == {(0, 0, 0, "")}


def test_a_context_depends_on_content_alone(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    first = packed(folder, project)
    os.utime(project / "envs" / "base.py", (1, 1))
    (project / "envs" / "base.py").chmod(0o600)
    assert packed(folder, project) == first
    (project / "envs" / "base.py").write_text("changed")
    assert packed(folder, project) != first


def test_requirements_follow_extras_of_extras(project: Path) -> None:
    assert requirements(project, ("one",)) == ["docker", "numpy>=2", "pip", "setuptools", "textworld"]
    assert requirements(project, ("two",)) == ["numpy>=2", "pip", "setuptools", "textworld"]


@pytest.mark.parametrize(
    ("other", "runs"),
    [
        (HERE, True),
        (Target((3, 11), "x86_64", "glibc", (2, 41)), True),
        (Target((3, 11), "x86_64", "glibc", (2, 9)), False),
        (Target((3, 12), "x86_64", "glibc", (2, 36)), False),
        (Target((3, 11), "aarch64", "glibc", (2, 36)), False),
        (Target((3, 11), "x86_64", "", ()), False),
    ],
)
def test_compiled_code_runs_on_the_same_python_and_no_older_library(other: Target, runs: bool) -> None:
    assert HERE.runs_on(other) is runs


def test_wheels_are_made_once_per_content(project: Path, tmp_path: Path) -> None:
    made: list[str] = []

    def make(constraints: Path, folder: Path) -> None:
        assert constraints.read_text() == (project / "constraints.txt").read_text()
        made.append((folder / "requirements.txt").read_text())
        (folder / "a.whl").write_bytes(b"wheel")

    def house(extra: str = "two", target: Target = HERE) -> Path:
        return wheelhouse(project, requirements(project, (extra,)), target, make, tmp_path / "cache")

    first = house()
    assert sorted(path.name for path in first.iterdir()) == ["a.whl", "requirements.txt"]
    assert house() == first
    assert made == ["numpy>=2\npip\nsetuptools\ntextworld\n"]
    others = {house("three"), house(target=Target((3, 12), "x86_64", "glibc", (2, 36)))}
    (project / "constraints.txt").write_text("numpy==2.4.7\n")
    others.add(house())
    assert len(made) == 4
    assert len(others - {first}) == 3


def test_wheels_that_could_not_be_made_leave_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(InfraError, match=r"pip could not make the wheels:\n(.*\n)*.*numpy"):
        wheelhouse(project, requirements(project, ("three",)), HERE, make_here, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_engine_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(InfraError, match=r"no Docker Engine answers.*start it"), engine():
        pass
