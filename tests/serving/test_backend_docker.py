"""`backend="docker"`: the same environments in a container, and what happens when it dies."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import agentrl
from agentrl.config import Config
from agentrl.errors import ConfigError, InfraError, SandboxError, UnknownNameError
from tests.conftest import require

for component in ("docker.errors", "httptools", "textworld"):
    require(component)

from agentrl.envs.serving import backend
from agentrl.sandboxes import reaper
from agentrl.sandboxes.engine import connect
from agentrl.sandboxes.images.catalog import IMAGES, Image

PLAY = """
import os, sys
import agentrl, gymnasium as gym
env = gym.make("ALFWorld-v0", backend="docker")
env.reset(seed=0)
print(env.step("look")[0], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module", autouse=True)
def client() -> Iterator[Any]:
    """An engine that holds the image; locally the tests skip without, in CI they fail."""
    try:
        found = connect()
        if not found.images.list(IMAGES["text"].tag):
            raise SandboxError("image_missing", "agentrl images build text")
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    yield found
    found.close()


def containers(client: Any, pid: int | None = None) -> list[Any]:
    """The containers of a process, by default this one."""
    found = client.containers.list(all=True, ignore_removed=True, filters={"label": "agentrl.run=backend"})
    return [c for c in found if c.labels["agentrl.owner"].split(".")[1] == str(pid or os.getpid())]


def wait_until_gone(client: Any, pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while containers(client, pid):
        assert time.monotonic() < deadline, f"{containers(client, pid)} are still there"
        time.sleep(0.05)


def commands(info: dict[str, Any], rng: random.Random) -> str:
    return rng.choice(info.get("admissible_commands") or ["look", "inventory", "go north"])


@pytest.mark.parametrize(("env_id", "seeds"), [("ALFWorld-v0", 5), ("TextWorld-v0", 2)])
def test_it_behaves_as_in_process(env_id: str, seeds: int) -> None:
    here, there = gym.make(env_id), gym.make(env_id, backend="docker")
    assert here.action_space == there.action_space
    assert here.observation_space == there.observation_space
    for seed in range(seeds):
        first = here.reset(seed=seed)
        assert first == there.reset(seed=seed)
        rng, info = random.Random(seed), first[1]
        for _ in range(20):
            action = commands(info, rng)
            step = here.step(action)
            assert step == there.step(action)
            info = step[4]
            if step[2] or step[3]:
                break
    here.close()
    there.close()


def test_one_container_serves_all_sessions_and_is_locked_up(client: Any) -> None:
    envs = [gym.make("ALFWorld-v0", backend="docker") for _ in range(5)]
    texts = {env.reset(seed=seed)[0] for seed, env in enumerate(envs)}
    assert len(texts) == 5
    (container,) = containers(client)
    host, config = container.attrs["HostConfig"], container.attrs["Config"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host["Privileged"]
    assert not host["PortBindings"]
    assert not container.attrs["Mounts"]
    assert config["User"] not in ("", "root", "0", "0:0")
    path = Path(backend.address("ALFWorld-v0", "docker").removeprefix("unix:"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.resolve().parent.parent.stat().st_mode) == 0o700
    for env in envs:
        env.close()


def test_many_sessions_are_stepped_in_one_request() -> None:
    envs = gym.make_vec("ALFWorld-v0", num_envs=4, backend="docker")
    alone = gym.make("ALFWorld-v0")
    observations, _ = envs.reset(seed=3)
    assert observations[1] == alone.reset(seed=4)[0]
    observations, *_ = envs.step(["look"] * 4)
    assert observations[1] == alone.step("look")[0]
    envs.close()


def test_a_killed_container_is_an_infrastructure_failure(client: Any) -> None:
    env = gym.make("ALFWorld-v0", backend="docker", retry_s=1.0)
    env.reset(seed=0)
    env.step("look")
    containers(client)[0].kill()
    with pytest.raises(InfraError):
        env.step("look")


def test_a_killed_container_is_replaced_and_the_episode_goes_on(client: Any) -> None:
    here, there = gym.make("ALFWorld-v0"), gym.make("ALFWorld-v0", backend="docker", recover=True)
    here.reset(seed=1)
    there.reset(seed=1)
    actions = list(here.oracle())  # type: ignore[attr-defined]
    old: set[str] = set()
    for index, action in enumerate(actions):
        if index == len(actions) // 2:
            old = {container.id for container in containers(client)}
            containers(client)[0].kill()
        here_step, there_step = here.step(action), there.step(action)
        assert here_step == there_step
    assert there_step[1:3] == (1.0, True)
    (container,) = containers(client)
    assert container.id not in old
    there.close()


def test_a_server_that_dies_in_its_container_is_replaced(client: Any) -> None:
    env = gym.make("ALFWorld-v0", backend="docker", recover=True)
    env.reset(seed=1)
    code, _ = containers(client)[0].exec_run(["python", "-c", KILL_SERVER])
    assert code == 0
    assert env.step("look")[0]
    env.close()


KILL_SERVER = """
import os, pathlib, signal
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if b"--unix-socket" in path.read_bytes().split(bytes(1)):
        os.kill(int(path.parent.name), signal.SIGKILL)
        break
else:
    raise SystemExit(1)
"""


@pytest.mark.parametrize("how", ["end", "kill"])
def test_nothing_outlives_its_process(client: Any, how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PLAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        assert len(containers(client, process.pid)) == 1
        if how == "kill":
            process.kill()
            process.wait(20)
            wait_until_gone(client, process.pid, 60)
        else:
            process.stdin.close()
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
            wait_until_gone(client, process.pid, 0)
    assert str(process.pid) not in {str(found.lease.owner.pid) for found in reaper.find()}


def test_an_image_that_is_not_there_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agentrl, "__version__", "0.0.0")
    monkeypatch.setattr(backend, "_servers", {})
    with pytest.raises(SandboxError, match="agentrl images build text") as caught:
        gym.make("ALFWorld-v0", backend="docker")
    assert caught.value.cause == "image_missing"


def test_a_server_that_does_not_start_says_why(client: Any) -> None:
    without_agentrl = Image("base", extras=("text",))
    server = backend.ContainerServer(without_agentrl)
    with pytest.raises(SandboxError, match=r"ended with 127: .*agentrl.*not found"):
        server.address()
    assert not [c for c in containers(client) if without_agentrl.tag in c.image.tags]


def test_no_engine_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setattr(backend, "_servers", {})
    with pytest.raises(SandboxError) as caught:
        gym.make("ALFWorld-v0", backend="docker")
    assert caught.value.cause == "engine_down"


def test_mistakes_are_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'docker'"):
        gym.make("ALFWorld-v0", backend="dokcer")
    with pytest.raises(ConfigError, match="either backend, or url"):
        gym.make("ALFWorld-v0", backend="docker", url="http://localhost:8000")
    agentrl.register("Foreign-v0", "tests.fixtures.toy_envs:Corridor")
    with pytest.raises(ConfigError, match="no image of ours holds Foreign-v0"):
        gym.make("Foreign-v0", backend="docker")
    with pytest.raises(ConfigError, match="either backend or url"):
        Config.load(None, ["env.backend=docker", "env.url=http://localhost:8000"])
    with pytest.raises(ConfigError, match="backend"):
        Config.load(None, ["env.backend=podman"])


def test_a_run_plays_in_a_container(client: Any, tmp_path: Path) -> None:
    """The same small run, here and there, learns from the same episodes."""
    for component in ("torch.utils.tensorboard", "transformers", "matplotlib"):
        require(component)
    from agentrl.cli.app import app
    from agentrl.cli.errors import exit_code
    from agentrl.trainers.runs import Run

    played = []
    for backend_name in ("", "docker"):
        settings = {**SMALL, "env.backend": backend_name, "run.dir": tmp_path / f"run-{backend_name}"}
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        assert exit_code(app, ["train", *words]) == 0
        run = Run.open(tmp_path / f"run-{backend_name}")
        groups = [group for step in run.rollout_steps() for group, _ in run.rollouts(step)]
        played.append([(turn.observation, turn.action, turn.rewards) for group in groups for turn in group.turns])
    assert played[0] == played[1]
    assert len(played[0]) > 20


SMALL = {
    **{"warm_start.demonstrations": 4, "warm_start.steps": 1, "warm_start.batch_tokens": 500},
    **{"rl.steps": 1, "rl.tasks_per_step": 2, "rl.group_size": 2},
    **{"eval.every": 1, "eval.valid_games": 1, "eval.test_games": 1, "env.max_turns": 8},
    **{"model.hidden_size": 32, "model.intermediate_size": 32, "model.layers": 2, "model.heads": 2},
    "engine.processes": 1,
}
