"""The compose file: its servers brought up, healthy, played on, and stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest

import agentrl
from agentrl.agents.vllm.flags import ServeOptions, Target, flags, variables
from agentrl.errors import InfraError
from agentrl.sandboxes.images.catalog import IMAGES, checkout
from tests.conftest import lack, require

for component in ("docker.errors", "httptools", "textworld", "yaml"):
    require(component)
import yaml

from agentrl.sandboxes.images.engine import DockerClient, engine

HEALTHCHECK = ["python", "/opt/agentrl/healthcheck.py"]
FILE = checkout() / "docker" / "compose.yaml"


@pytest.fixture
def client() -> Iterator[DockerClient]:
    """An engine that holds the server's image; locally the test skips without, in CI it fails."""
    try:
        with engine() as found:
            found.images.get(IMAGES["text"].tag)
            yield found
    except InfraError as error:
        lack(f"{error}; the image comes from: agentrl images build text")


@pytest.fixture
def compose() -> list[str]:
    """The command, as one program or as a plugin of docker."""
    commands = ["docker-compose"], ["docker", "compose"]
    here = (command for command in commands if shutil.which(command[0]))
    found = next((c for c in here if not subprocess.run([*c, "version"], capture_output=True).returncode), None)
    return found or lack("docker-compose is not installed")


def services() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return read


def test_its_images_are_ours_and_of_this_version() -> None:
    for service, image in (("env", "text"), ("trainer", "train"), ("trainer-vllm", "train")):
        assert services()[service]["image"] == f"agentrl/{image}:${{AGENTRL_VERSION:-{agentrl.__version__}}}"
        assert image in IMAGES


@pytest.mark.parametrize("service", ["env", "trainer", "engine", "trainer-vllm"])
def test_its_services_are_locked_up(service: str) -> None:
    options = services()[service]
    assert options["read_only"]
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges:true"]
    assert options["networks"] == ["play"]
    assert "ports" not in options
    assert not any("docker.sock" in volume for volume in options.get("volumes", []))
    assert yaml.safe_load(FILE.read_text())["networks"]["play"]["internal"]


def test_its_engine_has_the_flags_that_training_needs() -> None:
    target = Target("0.32.0", gpus=("0",), cores=(0,), model_type="qwen3", max_context=4096, local=True)
    options = ServeOptions(model="/models/policy", transfer="none")
    assert services()["engine"]["command"] == ["=".join(setting.words) for setting in flags(options, target)]
    expected = dict(word.split("=", 1) for s in variables(options, target, 0) for word in s.words)
    found = services()["engine"]["environment"]
    assert {name: value for name, value in expected.items() if name != "CUDA_VISIBLE_DEVICES"}.items() <= found.items()


def test_compose_accepts_it(compose: list[str]) -> None:
    command = [*compose, "-f", str(FILE), "--profile", "gpu", "config"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"]["trainer-vllm"]["environment"]["TRAIN_ARGS"].split()[-2:] == [
        "--set",
        'engine.urls=["http://engine:8000"]',
    ]


def test_its_servers_come_up_healthy_and_play(client: DockerClient, compose: list[str]) -> None:
    project = f"test{uuid.uuid4().hex[:12]}"
    token = uuid.uuid4().hex
    command = [*compose, "-p", project, "-f", str(FILE)]
    environment = {**os.environ, "AGENTRL_TOKEN": token}

    def run(*arguments: str) -> str:
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        run("up", "-d", "--scale", "env=2", "--no-deps", "env")
        containers = [client.containers.get(name) for name in run("ps", "-q", "env").split()]
        assert len(containers) == 2
        networks = [container.attrs["NetworkSettings"]["Networks"] for container in containers]
        urls = [f"http://{network['IPAddress']}:8000" for by_name in networks for network in by_name.values()]
        for container, url in zip(containers, urls, strict=True):
            assert container.attrs["Config"]["Healthcheck"]["Test"] == ["CMD", *HEALTHCHECK]
            deadline = time.monotonic() + 60
            while (answer := container.exec_run(HEALTHCHECK)).exit_code:
                assert time.monotonic() < deadline, answer.output
            assert container.exec_run(HEALTHCHECK, environment={"AGENTRL_TOKEN": "wrong"}).exit_code
            env = gym.make("ALFWorld-v0", url=url, token=token)
            env.reset(seed=0)
            for action in list(env.oracle()):  # type: ignore[attr-defined]
                _, reward, terminated, _, _ = env.step(action)
            assert (reward, terminated) == (1.0, True)
            env.close()
        run("stop")
        for container in containers:
            container.reload()
            assert container.attrs["State"]["ExitCode"] == 0
    finally:
        run("down", "--volumes")
    assert client.containers.list(all=True, ignore_removed=True, filters={"name": project}) == []
