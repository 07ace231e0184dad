"""Images for real: built by the engine, with and without a registry, and what is in them."""

from __future__ import annotations

import json
import os
import tarfile
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from agentrl.errors import ConfigError, InfraError
from agentrl.sandboxes.images.catalog import IMAGES, checkout
from tests.conftest import lack, require
from tests.sandboxes.tiny_servers import files, registry

require("docker.errors")  # `docker` alone might be our folder
from agentrl.sandboxes.images import base
from agentrl.sandboxes.images.build import build
from agentrl.sandboxes.images.engine import DockerClient, ImageNotFound, engine
from agentrl.sandboxes.images.local import find
from agentrl.sandboxes.images.wheelhouse import Target, make_inside

BASE, TEXT = IMAGES["base"].tag, IMAGES["text"].tag


def silent(what: str) -> None:
    pass


@pytest.fixture
def client() -> Iterator[DockerClient]:
    """An engine that holds our images; locally the test skips without, in CI it fails."""
    try:
        with engine() as found:
            for tag in (BASE, TEXT):
                found.images.get(tag)
            yield found
    except InfraError as error:
        lack(f"{error}; the images come from: agentrl images build")


def inside(client: DockerClient, image: str, script: str) -> str:
    """What a shell script prints in a container without a network, on a read-only root."""
    out = client.containers.run(
        image,
        ["-c", script],
        entrypoint="sh",
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": "exec,size=64m"},
        cap_drop=["ALL"],
        remove=True,
    )
    assert isinstance(out, bytes)
    return out.decode()


def test_a_second_build_changes_nothing(client: DockerClient) -> None:
    steps: list[str] = []
    first = build(["base"], tell=steps.append)
    again = build(["base"], tell=silent)
    assert first == again == [image for image in find() if image.tag == BASE]
    assert any("Step" in step for step in steps)


def test_labels_say_what_an_image_is(client: DockerClient) -> None:
    for name in ("base", "text"):
        labels = client.images.get(IMAGES[name].tag).labels
        assert labels["agentrl.image"] == name
        assert labels["org.opencontainers.image.title"] == f"agentrl {name}"
        assert labels["org.opencontainers.image.version"] == IMAGES[name].tag.partition(":")[2]
        assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
        assert labels["org.opencontainers.image.base.name"]
    assert client.images.get(TEXT).labels["org.opencontainers.image.revision"].strip("+").isalnum()


@pytest.mark.parametrize("tag", [BASE, TEXT])
def test_images_run_without_privileges(client: DockerClient, tag: str) -> None:
    assert client.images.get(tag).attrs["Config"]["User"] == "agent"
    assert inside(client, tag, "id -u; python -c 'import sys; print(sys.version_info >= (3, 11))'") == "1000\nTrue\n"
    setuid = inside(client, tag, "find / -xdev -perm /6000 -type f 2>/dev/null || true")
    assert setuid == ""


def test_images_are_small_and_hold_no_tools(client: DockerClient) -> None:
    assert client.images.get(BASE).attrs["Size"] < 200e6
    assert client.images.get(TEXT).attrs["Size"] < 420e6
    found = inside(
        client, TEXT, "find / -xdev -name '*.whl' 2>/dev/null; ls /opt/agentrl/bin; ls /src /wheels 2>&1; true"
    )
    assert "agentrl" in found.split()
    assert not {"pip", "pip3"} & set(found.split())
    assert found.count("No such file") == 2
    assert ".whl" not in found


def test_packages_are_those_of_the_constraints(client: DockerClient) -> None:
    listing = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    held: dict[str, str] = json.loads(inside(client, TEXT, f'python -c "{listing}"'))
    lines = (checkout() / "constraints.txt").read_text().split()
    pinned = {plain(name): version for name, _, version in (line.partition("==") for line in lines)}
    ours = {plain(name): version for name, version in held.items()}
    assert ours.pop("agentrl") == TEXT.partition(":")[2]
    assert {"numpy", "textworld", "alfworld", "gymnasium"} <= set(ours)
    assert ours == {name: pinned.get(name) for name in ours}


def plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_both_families_play_in_the_image(client: DockerClient) -> None:
    play = """
import agentrl, gymnasium as gym
for env_id in ("ALFWorld-v0", "TextWorld-v0"):
    env = gym.make(env_id)
    env.reset(seed=0)
    for action in env.oracle():
        _, reward, terminated, _, _ = env.step(action)
    print(env_id, terminated, reward > 0)
"""
    assert inside(client, TEXT, f"python - <<'END'\n{play}\nEND") == "ALFWorld-v0 True True\nTextWorld-v0 True True\n"


def test_list_shows_them(client: DockerClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["images", "list", "--json"]) == 0
    listed = {image["tag"]: image for image in json.loads(capsys.readouterr().out)}
    assert listed[TEXT]["digest"] == client.images.get(TEXT).id
    assert listed[TEXT]["size"] > listed[BASE]["size"] > 50e6
    assert exit_code(app, ["images", "list"]) == 0
    assert TEXT in capsys.readouterr().out


def test_a_container_with_a_network_makes_wheels_too(
    client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index" / "agentrl-test-thing"
    index.mkdir(parents=True)
    with zipfile.ZipFile(index / "agentrl_test_thing-1.5-py3-none-any.whl", "w") as wheel:
        info = "agentrl_test_thing-1.5.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: agentrl-test-thing\nVersion: 1.5\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    constraints, folder = tmp_path / "constraints.txt", tmp_path / "wheels"
    folder.mkdir()
    (folder / "requirements.txt").write_text("agentrl-test-thing\n")
    constraints.write_text("agentrl-test-thing==1.5\n")
    with files(tmp_path / "index") as port:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        make_inside(client, BASE, None, constraints, folder)
        made = {path.name for path in folder.iterdir()}
        assert made == {"requirements.txt", "agentrl_test_thing-1.5-py3-none-any.whl"}
        constraints.write_text("agentrl-test-thing==1.6\n")
        with pytest.raises(InfraError, match=r"Cannot install agentrl-test-thing(.*\n)*.*--ca-bundle FILE"):
            make_inside(client, BASE, None, constraints, folder)
    assert Target.of_image(client, BASE).python == (3, 11)


def test_a_registry_in_reach_is_preferred(client: DockerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with registry("python", "3.11-slim") as (host, digest):
        monkeypatch.setattr(base, "OFFICIAL", f"{host}/python:3.11-slim")
        try:
            assert base.choose(client, "", silent) == base.OFFICIAL
            assert client.images.get(base.OFFICIAL).attrs["RepoDigests"] == [f"{host}/python@{digest}"]
            with pytest.raises(ConfigError, match="its python3 does not run"):
                Target.of_image(client, base.OFFICIAL)
        finally:
            client.images.remove(base.OFFICIAL)


def test_an_image_that_the_user_names_is_pulled(client: DockerClient) -> None:
    with registry("mine", "1") as (host, _):
        try:
            assert base.choose(client, f"{host}/mine:1", silent) == f"{host}/mine:1"
        finally:
            client.images.remove(f"{host}/mine:1")
        with pytest.raises(InfraError, match=r"cannot pull .*/other:1"):
            base.choose(client, f"{host}/other:1", silent)
    assert base.choose(client, BASE, silent) == BASE


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> str:
    """No registry in reach, and no base made before. Returns the name that one would get."""
    monkeypatch.setattr(base, "OFFICIAL", "127.0.0.1:9/python:3.11-slim")
    monkeypatch.setattr(base, "DEBIAN", f"agentrl/test-{uuid.uuid4().hex}:debian")
    return base.DEBIAN


def test_without_a_registry_debian_packages_make_the_base(
    client: DockerClient, offline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages themselves take a minute, so here a program hands in a root folder; CI makes the real one before."""
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("marker"))
    program(tmp_path, f'for last; do :; done; echo "I: working" >&2; cp {tmp_path}/root.tar "$last"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told: list[str] = []
    try:
        assert base.choose(client, "", told.append) == offline
        assert "mmdebstrap: I: working" in told
        assert "no registry in reach" in told[1]
        client.images.get(offline)
        told.clear()
        assert base.choose(client, "", told.append) == offline
        assert not any("mmdebstrap" in line for line in told)
    finally:
        client.images.remove(offline)


def test_a_failing_or_missing_mmdebstrap_is_explained(
    client: DockerClient, offline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, 'echo "E: mirror not found" >&2; exit 25')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(InfraError, match="E: mirror not found"):
        base.choose(client, "", silent)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match="sudo apt-get install mmdebstrap"):
        base.choose(client, "", silent)
    with pytest.raises(ImageNotFound):
        client.images.get(offline)


def test_mistakes_end_with_one_line_and_code_2(client: DockerClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["images", "build", "tekst"]) == 2
    assert "did you mean 'text'" in capsys.readouterr().err
    assert exit_code(app, ["images", "build", "--ca-bundle", "/nowhere.pem"]) == 2
    assert "/nowhere.pem is no file" in capsys.readouterr().err


def test_a_full_disk_says_how_to_free_it(client: DockerClient) -> None:
    from docker.errors import APIError

    with pytest.raises(InfraError, match="docker system prune"), engine():
        raise APIError("write /var/lib/docker/tmp/x: no space left on device")


def program(folder: Path, script: str) -> None:
    (folder / "mmdebstrap").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "mmdebstrap").chmod(0o755)


def test_the_health_check_plays_and_a_full_server_is_healthy(client: DockerClient) -> None:
    options = {"network_mode": "none", "read_only": True, "tmpfs": {"/tmp": "exec"}, "cap_drop": ["ALL"], "init": True}
    container = client.containers.run(TEXT, ["ALFWorld-v0", "--max-sessions", "1"], detach=True, **options)
    try:
        check = ["python", "/opt/agentrl/healthcheck.py"]
        deadline = time.monotonic() + 60
        while (answer := container.exec_run(check)).exit_code:
            assert time.monotonic() < deadline, answer.output
        for _ in range(2):  # it gives its session back
            assert container.exec_run(check).exit_code == 0
        request = """Request("http://127.0.0.1:8000/v1/sessions", b'{"env_id": "ALFWorld-v0"}')"""
        fill = f"from urllib.request import Request, urlopen; urlopen({request})"
        assert container.exec_run(["python", "-c", fill]).exit_code == 0
        assert container.exec_run(["python", "-c", fill]).exit_code == 1
        assert container.exec_run(check).exit_code == 0
    finally:
        container.remove(force=True)
