"""Nothing is lost: servers are killed with kill -9 in the middle of episodes, and the episodes go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

for component in ("httptools", "uvicorn"):
    require(component)

from agentrl.envs.base import Episode
from agentrl.envs.serving import calls
from agentrl.errors import InfraError
from agentrl.types import Outcome
from tests.serving.conftest import Server, serving

SLOW = "slow_env:Slow-v0"
SLOW_ENV = '''
"""Waits, in a step, until a file is there."""
import pathlib, time
import agentrl
from agentrl.envs import Result, TextEnv

class Slow(TextEnv):
    blocking = True
    def __init__(self, folder=".", **kwargs):
        super().__init__(**kwargs)
        self.folder = pathlib.Path(folder)
    def tasks(self, split=None):
        return ["one"]
    def begin(self, task_id):
        self.state = []
        return Result("begin")
    def act(self, action):
        if action.startswith("wait"):
            (self.folder / f"{action} begun").touch()
            while not (self.folder / action).exists():
                time.sleep(0.01)
        self.state.append(action)
        return Result(" ".join(self.state))
    def oracle(self):
        yield "x"

agentrl.register("Slow-v0", "slow_env:Slow")
'''


class Home:
    """One address, and the servers that live there one after another."""

    def __init__(self, folder: Path, *env_ids: str) -> None:
        self.folder, self.env_ids = folder, env_ids
        folder.mkdir(parents=True, exist_ok=True)
        self.url = f"unix:{folder}/s"
        self.stack = ExitStack()
        self.server: Server | None = None

    def start(self) -> None:
        self.server = self.stack.enter_context(serving(self.folder, *self.env_ids, unix_socket=f"{self.folder}/s"))

    def kill(self) -> None:
        assert self.server
        self.server.stop()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    with ExitStack() as stack:

        def begin(*env_ids: str, name: str = "a") -> Home:
            made = Home(tmp_path / name, *env_ids)
            made.start()
            stack.callback(made.stack.close)
            return made

        yield begin


def make(env_id: str, url: str, **kwargs: Any) -> Episode:
    env = gym.make(env_id, url=url, **kwargs)
    assert isinstance(env, Episode)
    return env


def twin_here(env_id: str) -> Episode:
    env = gym.make(env_id)
    assert isinstance(env, Episode)
    return env


def test_without_recover_it_is_an_infra_error(home: Callable[..., Home]) -> None:
    place = home("ALFWorld-v0")
    env = make("ALFWorld-v0", place.url)
    env.reset(seed=1)
    place.kill()
    with pytest.raises(InfraError, match="nobody answers"):
        env.step("look")
    place.start()
    with pytest.raises(InfraError, match="session"):
        env.step("look")


def test_an_episode_goes_on_on_the_restarted_server_as_if_nothing_had_been(home: Callable[..., Home]) -> None:
    """Compared, answer by answer, with the same episode here: text, reward, outcome, info, expert and time limit."""
    place = home("ALFWorld-v0")
    near, far = twin_here("ALFWorld-v0"), make("ALFWorld-v0", place.url, recover=True)
    assert far.reset(seed=3) == near.reset(seed=3)
    assert far.reset() == near.reset()  # the random numbers go on, too
    solution = list(near.oracle())
    experts = [env.demonstrator(seed=4, mistakes=0.3) for env in (near, far)]
    text = near.render() or near.core._last  # type: ignore[attr-defined]
    for _ in range(3):
        actions = [expert.act(text) for expert in experts]
        assert actions[0] == actions[1]
        answer = near.step(actions[0])
        assert far.step(actions[0]) == answer
        text = answer[0]
    points = [env.snapshot() for env in (near, far)]
    before = far.core.session.id  # type: ignore[attr-defined]

    place.kill()
    restart = threading.Timer(0.3, place.start)
    restart.start()
    actions = [expert.act(text) for expert in experts]  # waits for the server
    restart.join()
    assert actions[0] == actions[1]
    assert far.core.session.id != before  # type: ignore[attr-defined]
    assert far.step(actions[0]) == near.step(actions[0])
    assert list(far.oracle()) == list(near.oracle())
    for env, point in zip((near, far), points, strict=True):
        env.restore(point)
    assert far.step("look") == near.step("look")
    twins = near.fork(), far.fork()

    place.kill()
    place.start()
    assert twins[1].step("inventory") == twins[0].step("inventory")
    assert far.reset(seed=3) == near.reset(seed=3)
    assert far.reset() == near.reset()
    for action in solution:
        assert far.step(action) == near.step(action)


def test_it_goes_on_on_another_server(home: Callable[..., Home]) -> None:
    one, two = home("ALFWorld-v0"), home("ALFWorld-v0", name="b")
    near, far = twin_here("ALFWorld-v0"), make("ALFWorld-v0", f"{one.url},{two.url}", recover=True, retry_s=20.0)
    assert far.reset(seed=1) == near.reset(seed=1)
    assert far.step("look") == near.step("look")
    one.kill()
    assert far.step("inventory") == near.step("inventory")
    two.kill()
    far.core.session.patience = calls.Patience(5.0, 0.2)  # type: ignore[attr-defined]
    with pytest.raises(InfraError, match="nobody answers"):
        far.step("look")


def test_a_step_that_was_being_carried_out_is_played_again(home: Callable[..., Home], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "slow_env.py").write_text(SLOW_ENV)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        patch.syspath_prepend(tmp_path)
        __import__("slow_env")
        place = home(SLOW)
        envs = [make("Slow-v0", place.url, recover=True, folder=str(tmp_path)) for _ in range(2)]
        for env in envs:
            env.reset(seed=0)
            env.step("a")

        def fall_and_rise() -> None:
            for name in ("wait 0 begun", "wait 1 begun"):
                while not (tmp_path / name).exists():
                    place.server.process.poll()  # type: ignore[union-attr]
            place.kill()
            (tmp_path / "wait 0").touch()
            (tmp_path / "wait 1").touch()
            place.start()

        async def both() -> list[Any]:
            awaited = envs[0].step_async("wait 0")
            blocking = asyncio.to_thread(envs[1].step, "wait 1")
            return await asyncio.gather(awaited, blocking)

        thread = threading.Thread(target=fall_and_rise)
        thread.start()
        answers = asyncio.run(both())
        thread.join()
    assert [answer[0] for answer in answers] == ["a wait 0", "a wait 1"]
    assert all(answer[4]["outcome"] == Outcome.running() for answer in answers)


def test_an_environment_that_is_not_the_same_any_more_is_noticed(home: Callable[..., Home], tmp_path: Path) -> None:
    source = "import agentrl\nfrom toy_envs import Corridor\nclass C(Corridor):\n    word = 'at'\n    def look(self):\n"
    source += "        r = super().look()\n        import dataclasses\n"
    source += "        return dataclasses.replace(r, text=r.text.replace('at', self.word))\n"
    source += "agentrl.register('Changing-v0', 'changing:C')\n"
    (tmp_path / "changing.py").write_text(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        patch.syspath_prepend(tmp_path)
        patch.syspath_prepend(Path(__file__).parents[1] / "fixtures")
        __import__("changing")
        place = home("changing:Changing-v0")
        env = make("Changing-v0", place.url, recover=True)
        env.reset(options={"task": "train/0"})
        assert env.step("right")[0] == "You are at 1 of 4."
        place.kill()
        (tmp_path / "changing.py").write_text(source.replace("'at'\n", "'near'\n"))
        place.start()
        with pytest.raises(InfraError, match="brought other answers than the first time: Changing-v0 is not the same"):
            env.step("right")
