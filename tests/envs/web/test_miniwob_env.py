"""`MiniWoB-v0` as it is played, in a real Chromium."""

from __future__ import annotations

import os
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.errors import BrowserError, ConfigError, UnknownNameError
from agentrl.types import Outcome
from tests.conftest import require, require_chromium

require("playwright")

from agentrl.envs.web.miniwob import MiniWoBEnv
from agentrl.envs.web.miniwob.oracles import SOLVERS
from agentrl.envs.web.miniwob.pages import names

require_chromium()


def make(*task: str, **kwargs: Any) -> Episode:
    env = gym.make("MiniWoB-v0", task=task or None, manual=False, **kwargs)
    assert isinstance(env, Episode)
    return env


def walk(env: Episode, task: str) -> list[tuple[str, dict[str, Any]]]:
    env.reset(options={"task": task})
    seen = []
    for action in env.oracle():
        text, _, terminated, truncated, info = env.step(action)
        seen.append((text, info))
        if terminated or truncated:
            break
    return seen


def test_tasks_and_splits() -> None:
    env = make("click-button", "enter-text")
    assert list(env.tasks("test")[:3]) == ["test/click-button/0", "test/enter-text/0", "test/click-button/1"]
    assert len(env.tasks("train")) == 200_000
    assert env.kind("valid/enter-text/3") == "enter-text"
    assert len(make().tasks("test")) == 100 * len(names())
    for wrong in (
        "test/click-button/100",
        "test/click-button/01",
        "test/no-page/0",
        "dev/click-button/0",
        "click-button",
    ):
        with pytest.raises(UnknownNameError, match="task"):
            env.reset(options={"task": wrong})
    with pytest.raises(UnknownNameError, match="did you mean 'click-button'"):
        make("click-buton")
    with pytest.raises(ConfigError, match="task is empty"):
        MiniWoBEnv(task=())


def test_splits_and_seeds_differ_and_repeat() -> None:
    env = make("click-checkboxes")
    tasks = [f"{split}/click-checkboxes/{seed}" for split in ("train", "valid", "test") for seed in (0, 1)]
    texts = [env.reset(options={"task": task})[0] for task in tasks]
    assert len(set(texts)) == 6
    assert [make("click-checkboxes").reset(options={"task": task})[0] for task in tasks[:2]] == texts[:2]


def test_an_observation() -> None:
    text, info = make("click-button").reset(options={"task": "test/click-button/1"})
    assert text.splitlines() == [
        'Task: Click on the "Ok" button.',
        "URL: http://miniwob.test/miniwob/click-button.html",
        'text "cursus dis justo"',
        'text "facilisis proin aliquam"',
        '[a1] button "Ok"',
        'text "pharetra turpis scelerisque"',
        'text "rutrum lectus adipiscing"',
        'text "pretium, aliquet egestas"',
    ]
    assert info == {"task_id": "test/click-button/1", "outcome": Outcome.running(), "rewards": {}}
    whole = gym.make("MiniWoB-v0", task="click-button").reset(options={"task": "test/click-button/1"})[0]
    assert whole.endswith(text)
    assert "fill(bid, value)" in whole


def test_rewards_are_raw_and_success_is_above_zero() -> None:
    env = make("click-button", "find-greatest", "circle-center")
    assert walk(env, "test/click-button/0")[-1][1]["rewards"] == {"outcome": 1.0, "raw": 1.0}
    _, info = walk(env, "test/circle-center/0")[-1]
    assert 0.9 < info["rewards"]["raw"] < 1
    assert (info["rewards"]["outcome"], info["outcome"]) == (1.0, Outcome.terminated(success=True))
    text, _ = env.reset(options={"task": "test/find-greatest/0"})
    (submit,) = [line for line in text.splitlines() if "Submit" in line]
    info = env.step(f"click('{submit.split(']')[0].strip(' [')}')")[4]
    assert info["rewards"] == {"outcome": 0.0, "raw": -1.0}
    assert info["outcome"] == Outcome.terminated(success=False)


def test_time_passes_with_actions_only_and_never_ends_a_task() -> None:
    env = make("stock-market")
    first, _ = env.reset(options={"task": "test/stock-market/0"})
    assert env.step("noop(0)")[0] == first.partition("\n")[2]
    for _ in range(3):
        assert env.step("noop(60000)")[4]["outcome"] == Outcome.running()  # the page itself gives ten seconds


def test_mistakes_are_told_and_end_nothing() -> None:
    env = make("click-button")
    env.reset(options={"task": "test/click-button/0"})
    text, reward, *_, info = env.step("click('a99')")
    assert "Error: there is no element a99" in text
    assert (reward, info["outcome"]) == (0.0, Outcome.invalid_action("there is no element a99"))
    info = env.step("report_infeasible('I do not know how')")[4]
    assert info["outcome"] == Outcome.terminated(success=False)


def test_forks_replay_and_part() -> None:
    env = make("click-checkboxes-large")
    env.reset(options={"task": "test/click-checkboxes-large/3"})
    actions = list(env.oracle())
    for action in actions[:3]:
        env.step(action)
    twin, point = env.fork(), env.snapshot()
    assert not twin.step(actions[-1])[4]["outcome"].solved
    assert [env.step(action) for action in actions[3:]][-1][4]["outcome"].solved
    env.restore(point)
    assert [env.step(action) for action in actions[3:]][-1][4]["outcome"].solved


def test_a_replay_that_leads_elsewhere_is_an_infrastructure_failure() -> None:
    env = make("click-checkboxes")
    env.reset(options={"task": "test/click-checkboxes/0"})
    env.step("noop(100)")
    steps, (task, last, state) = env.snapshot()
    state.actions.append("noop(100)")
    env.restore((steps, (task, last, state)))
    with pytest.raises(BrowserError, match="after the same 2 actions"):
        env.step("noop()")


def test_a_crashed_page_is_replayed() -> None:
    env = make("click-checkboxes-large")
    env.reset(options={"task": "test/click-checkboxes-large/3"})
    actions = list(env.oracle())
    env.step(actions[0])
    state = env.unwrapped.state  # type: ignore[attr-defined]
    state.session.broken = "its page crashed"
    assert [env.step(action) for action in actions[1:]][-1][4]["outcome"].solved


def test_pictures() -> None:
    env = MiniWoBEnv(task="click-shape")
    env.reset(options={"task": "test/click-shape/1"})
    plain, marked = env.screenshot(), env.screenshot(marks=True)
    assert plain.startswith(b"\x89PNG")
    assert plain != marked


def test_one_id_for_each_page() -> None:
    env = gym.make("agentrl.envs.web.miniwob.ids:MiniWoB-click-link-v0")
    assert env.reset(seed=0)[1]["task_id"].startswith("train/click-link/")
    from agentrl.envs.web.miniwob.ids import IDS

    assert tuple(f"MiniWoB-{name}-v0" for name in names()) == IDS


def test_most_pages_have_an_oracle() -> None:
    assert set(SOLVERS) <= set(names())
    assert len(SOLVERS) >= 100
    env = make("simon-says")
    env.reset(options={"task": "test/simon-says/0"})
    with pytest.raises(ConfigError, match="simon-says has no oracle"):
        list(env.oracle())


SOME = [*SOLVERS][:: 1 if os.environ.get("AGENTRL_MANY_GAMES") else 5]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SOME)
def test_oracles_reach_the_full_reward(name: str) -> None:
    """A fifth of them; all with AGENTRL_MANY_GAMES."""
    assert walk(make(), f"valid/{name}/0")[-1][1]["outcome"].solved


def test_a_dawdler_wastes_turns_and_solves_the_task() -> None:
    env = make("click-checkboxes-large")
    text, _ = env.reset(options={"task": "train/click-checkboxes-large/3"})
    needed = len(list(env.oracle()))
    expert, wasted, info = env.demonstrator(seed=1, mistakes=0.5), 0, {"outcome": Outcome.running()}
    while not info["outcome"].done:
        text, *_, info = env.step(expert.act(text))
        wasted += expert.last_was_mistake
    assert info["outcome"].solved
    assert wasted > needed / 4
