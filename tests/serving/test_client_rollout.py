"""The agent loop, training and the commands with environments on a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

for component in ("httptools", "uvicorn", "transformers"):
    require(component)

from agentrl.agents.engine import SyncReport
from agentrl.agents.loop import AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from agentrl.types import Completion, Group, SamplingParams, Task
from tests.fixtures.families import family_tokenizer
from tests.serving.conftest import Server, serving
from tests.trainers.signs import SIGNS
from tests.trainers.small import ROOT, small

ACTIONS = ("look", "inventory", "go to shelf 1", "go to drawer 1", "go to cabinet 1", "open drawer 1", "xyzzy")


class Walker:
    """An engine whose actions are a function of the seed; something may happen at one of its calls."""

    version = 0
    max_context = 4000

    def __init__(self, renderer: Renderer, at: int = -1, event: Callable[[], None] = lambda: None) -> None:
        self.renderer, self.at, self.event, self.calls = renderer, at, event, 0

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.calls += 1
        if self.calls == self.at:
            self.event()
        assert params.seed is not None
        ids = tuple(self.renderer.action(ACTIONS[params.seed % 1009 % len(ACTIONS)]))
        return Completion(ids, (-0.5,) * len(ids), (0,) * len(ids), "stop")

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        raise NotImplementedError

    async def publish(self, weights: Mapping[str, Any], version: int) -> SyncReport:
        raise NotImplementedError

    def release(self, session: str) -> None:
        pass


def collect(at: int = -1, event: Callable[[], None] = lambda: None, **kwargs: Any) -> tuple[AgentLoop, list[Group]]:
    renderer = Renderer(family_tokenizer("chatml"), "Play.")
    agent = LLMAgent(Walker(renderer, at, event), renderer, SamplingParams(max_tokens=16))
    loop = AgentLoop(lambda env_id: gym.make(env_id, **kwargs), agent, Limits(turns=6, failure_rate=1.0))
    specs = [RolloutSpec(Task("ALFWorld-v0", f"train/{i}"), 4, i) for i in range(3)]
    groups = asyncio.run(loop.collect(specs))
    loop.close()
    return loop, groups


def turns(groups: Sequence[Group], **options: bool) -> list[list[tuple[Any, ...]]]:
    """What happened in every rollout."""
    return [
        [(g.turns[i].action, g.turns[i].feedback, g.turns[i].rewards, g.turns[i].outcome) for i in path]
        for g in groups
        for path in g.rollouts(**options)
    ]


def test_rollouts_are_the_same_and_outlive_the_server(tmp_path: Path) -> None:
    here = turns(collect()[1])
    path = tmp_path / "s"
    with serving(tmp_path, "ALFWorld-v0", unix_socket=path) as first:
        there = {"url": f"unix:{path}"}
        assert turns(collect(**there)[1]) == here
        with serving(tmp_path, "ALFWorld-v0", unix_socket=tmp_path / "t"):
            both = {"url": [f"unix:{path}", f"unix:{tmp_path}/t"], "recover": True}
            loop, groups = collect(at=40, event=first.stop, **both)
    assert turns(groups) == here
    assert loop.failures == 0


def test_without_recover_a_killed_server_is_an_infra_error_and_no_reward(tmp_path: Path) -> None:
    with serving(tmp_path, "ALFWorld-v0") as server:
        loop, groups = collect(at=40, event=server.stop, url=server.url, retry_s=0.1)
    lost = [path for path in turns(groups, with_infra_errors=True) if path[-1][3].status == "infra_error"]
    assert lost
    assert loop.failures == len(lost)
    for path in lost:
        assert path[-1][0] == ""
        assert path[-1][2] == {}
        assert "nobody answers" in path[-1][3].reason or "broke" in path[-1][3].reason


def test_training_on_a_server_is_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch.utils.tensorboard")
    from agentrl.trainers.loop import train
    from agentrl.trainers.runs import Run

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with serving(tmp_path, SIGNS, token="t") as server:
        train(small(tmp_path / "r", {"env": {"url": server.url, "token": "t"}}))
    run = Run.open(tmp_path / "r")
    assert run.config()["env"]["url"] == server.url
    assert "token" not in run.config()["env"]
    here = gym.make("Signs-v0")
    paths = [(g, path) for step in run.rollout_steps() for g, _ in run.rollouts(step) for path in turns([g])]
    assert len(paths) == 32
    for group, path in paths:
        here.reset(options={"task": group.task.task_id})
        for action, feedback, rewards, _ in path:
            text, _, _, _, info = here.step(action)
            assert (text, info["rewards"]) == (feedback, rewards)


def run_command(*arguments: str) -> str:
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, arguments) == 0
    return out.getvalue()


def test_the_commands_take_a_url(server: Callable[..., Server]) -> None:
    url = server("ALFWorld-v0").url
    rollout = ("rollout", "ALFWorld-v0", "--agent", "explorer", "-n", "2", "--json")
    here, there = (json.loads(run_command(*rollout, *more)) for more in ((), ("--with", f"url={url}")))
    assert {**there, "seconds": 0} == {**here, "seconds": 0}
    watched = run_command("play", "ALFWorld-v0", "--agent", "oracle", "--delay", "0", "--with", f"url={url}")
    assert "Solved." in watched
    assert "FAIL" not in run_command("envs", "check", "ALFWorld-v0", "--with", f"url={url}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["env.url=localhost:8000"], "no address of a server"),
        (["env.token=t"], "give its url"),
        (["env.url=http://127.0.0.1:1", "run.dir=never"], "start a server with: agentrl serve"),
    ],
)
def test_nonsense_is_one_line(settings: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes = [word for setting in settings for word in ("--set", setting)]
    assert exit_code(app, ["train", *changes, "--set", "warm_start.demonstrations=0"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
