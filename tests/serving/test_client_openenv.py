"""`OpenEnv-v0` against OpenEnv's own server, run by its own package, and against ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env

from tests.conftest import require

for component in ("httptools", "websockets", "uvicorn"):
    require(component)

from agentrl.cli.bench.servers import running
from agentrl.envs.base import Episode
from agentrl.envs.serving.openenv_client import OpenEnv
from agentrl.errors import ConfigError, InfraError
from agentrl.types import Outcome
from tests.serving.conftest import Server

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTRL_OPENENV_PYTHON") or ROOT / ".venv-openenv/bin/python")
TWO_FIELDS = """
import sys
import uvicorn
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State

class Move(Action):
    direction: str
    steps: int

class Seen(Observation):
    x: int
    y: int

class Field(Environment):
    SUPPORTS_CONCURRENT_SESSIONS = True
    def reset(self, seed=None, episode_id=None, start=0, **more):
        self.x, self.y = start, seed or 0
        return Seen(x=self.x, y=self.y)
    def step(self, action, timeout_s=None, **more):
        if action.direction == "explode":
            raise RuntimeError("boom")
        self.x += action.steps
        cut = action.direction == "cut"
        over = self.x >= 3 or cut
        return Seen(x=self.x, y=self.y, done=over, reward=-1.0 if over else 0.25, metadata={"truncated": cut})
    @property
    def state(self):
        return State()

uvicorn.run(create_fastapi_app(Field, Move, Seen, max_concurrent_envs=2), host="127.0.0.1", port=int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def interpreter() -> str:
    if not PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"{PYTHON} is missing; make .venv-openenv/.done makes it"
        )
    return str(PYTHON)


@pytest.fixture(scope="module")
def echo(interpreter: str) -> Iterator[str]:
    with running([interpreter, str(ROOT / "agentrl/cli/bench/openenv_echo.py")]) as (url, _):
        yield url


@pytest.fixture(scope="module")
def field(interpreter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = tmp_path_factory.mktemp("field") / "field.py"
    script.write_text(TWO_FIELDS)
    with running([interpreter, str(script)]) as (url, _):
        yield url


def make(url: str, **kwargs: Any) -> Episode:
    env = gym.make("OpenEnv-v0", url=url, **kwargs)
    assert isinstance(env, Episode)
    return env


def test_an_episode_on_openenvs_own_server(echo: str) -> None:
    env = make(echo, render_mode="ansi")
    text, info = env.reset(seed=3)
    assert (text, info["outcome"], info["rewards"]) == ("ready", Outcome.running(), {})
    text, reward, terminated, truncated, info = env.step("hällo \N{SNOWMAN}")
    assert (text, reward, terminated, truncated) == ("hällo \N{SNOWMAN}", 0.0, False, False)
    assert info["fields"]["text"] == text == env.render()
    text, reward, terminated, truncated, info = env.step("stop")
    assert (text, reward, terminated, truncated) == ("stop", 1.0, True, False)
    assert info["outcome"] == Outcome.terminated(success=True)
    assert info["rewards"] == {"outcome": 1.0}
    with pytest.raises(gym.error.ResetNeeded):
        env.step("more")
    assert env.reset()[0] == "ready"
    env.close()
    assert env.reset()[0] == "ready"


def test_gymnasium_accepts_it(echo: str) -> None:
    check_env(OpenEnv(echo), skip_render_check=True)


def test_the_time_limit_is_ours(echo: str) -> None:
    env = make(echo, max_episode_steps=2)
    env.reset()
    env.step("a")
    *_, truncated, info = env.step("b")
    assert truncated
    assert info["outcome"] == Outcome.truncated("max_episode_steps")


def test_sessions_are_independent(echo: str) -> None:
    one, two = make(echo), make(echo)
    one.reset()
    two.reset()
    assert one.step("stop")[2]
    assert two.step("go on")[2] is False


def test_text_that_cannot_travel_is_an_invalid_action(echo: str) -> None:
    env = make(echo)
    env.reset()
    assert env.step("\ud800")[4]["outcome"].status == "invalid_action"
    assert env.step("fine")[0] == "fine"


def test_several_fields_are_the_json_of_the_action(field: str) -> None:
    env = make(field)
    text, _ = env.reset(seed=2, options={"start": 1})
    assert json.loads(text)["x"], json.loads(text)["y"] == (1, 2)
    for wrong in ("north", "[1]", "3", '{"direction": "north"'):
        text, reward, terminated, truncated, info = env.step(wrong)
        assert text == "An action here is a JSON object with the fields direction, steps."
        assert (reward, terminated, truncated) == (0.0, False, False)
        assert info["outcome"] == Outcome.invalid_action(text)
    assert "steps" in env.step('{"direction": "north"}')[4]["outcome"].reason
    assert env.step('{"direction": "north", "steps": 1}')[1] == 0.25
    *_, info = env.step('{"direction": "north", "steps": 1}')
    assert info["outcome"] == Outcome.terminated(success=False)
    env.reset()
    *_, terminated, truncated, info = env.step('{"direction": "cut", "steps": 0}')
    assert (terminated, truncated, info["outcome"]) == (False, True, Outcome.truncated("by the server"))


def test_failures_of_the_server_are_infra_errors(field: str) -> None:
    one, two, three = (make(field) for _ in range(3))
    one.reset()
    two.reset()
    with pytest.raises(InfraError, match="CAPACITY_REACHED"):
        three.reset()
    with pytest.raises(InfraError, match=r"boom \(EXECUTION_ERROR\)"):
        one.step('{"direction": "explode", "steps": 1}')
    assert two.step('{"direction": "north", "steps": 1}')[1] == 0.25
    assert json.loads(one.reset()[0])["x"] == 0


def test_what_the_protocol_lacks_is_said(echo: str) -> None:
    env = make(echo)
    for lacking in (env.tasks, env.fork, env.snapshot, env.oracle, env.demonstrator):
        with pytest.raises(ConfigError, match="OpenEnv's protocol has no"):
            lacking()


def test_no_server_or_another_one(tmp_path: Path, interpreter: str) -> None:
    with pytest.raises(InfraError, match="nobody answers"):
        make(f"unix:{tmp_path}/none")
    (tmp_path / "schema").write_text("[]")
    with (
        running([interpreter, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path)]) as (url, _),
        pytest.raises(ConfigError, match="not that of an OpenEnv server"),
    ):
        make(url)


def test_our_own_server_in_this_protocol(server: Callable[..., Server]) -> None:
    url = server("ALFWorld-v0", token="t").url
    here = gym.make("ALFWorld-v0")
    assert isinstance(here, Episode)
    with pytest.raises(ConfigError, match="token"):
        make(url)
    for there in (make(url, token="t"), make(f"{url}/envs/ALFWorld-v0", token="t")):
        text, info = here.reset(options={"task": "train/3"})
        found = there.reset(options={"task": "train/3"})
        assert (found[0], found[1]["task_id"]) == (text, "train/3")
        assert found[1]["admissible_commands"] == info["admissible_commands"]
        for action in here.oracle():
            mine, other = here.step(action), there.step(action)
            assert other[:4] == mine[:4]
            for key in ("task_id", "outcome", "rewards", "admissible_commands"):
                assert other[4][key] == mine[4][key]
        assert mine[4]["outcome"].solved
