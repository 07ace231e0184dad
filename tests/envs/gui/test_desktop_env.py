"""Desktop-v0: what an agent sees and does there, what it gets for it, copies, and broken desktops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.envs.gui.desktop import DesktopEnv
from agentrl.envs.gui.desktop.desks import desks
from agentrl.errors import ConfigError, InfraError, UnknownNameError
from agentrl.types import Outcome
from tests.envs.gui.desktops import need, pixels

TASK = "train/append_line/0"


@pytest.fixture
def env() -> Iterator[Episode]:
    need()
    env = gym.make("Desktop-v0", screenshots=True)
    assert isinstance(env, Episode)
    yield env
    env.close()


def inner(env: gym.Env[Any, Any]) -> DesktopEnv:
    assert isinstance(env.unwrapped, DesktopEnv)
    return env.unwrapped


def number_of(observation: str, element: str) -> int:
    """The number of the element of which a line of the observation speaks."""
    return next(int(line.split("]")[0].strip(" [")) for line in observation.splitlines() if f"] {element}" in line)


def test_the_oracle_solves_a_task_and_its_fork_goes_on_alone(env: Episode) -> None:
    observation, info = env.reset(options={"task": TASK})
    assert "pyautogui.click(100, 200)" in observation
    assert inner(env).state.task.instruction in observation  # type: ignore[union-attr]
    assert 'Focused window: "~/Documents/' in observation
    assert pixels(info["images"][0])[:2] == (1280, 800)

    solution = env.oracle()
    first = next(solution)
    observation, reward, terminated, _, info = env.step(first)
    assert (reward, terminated, info["outcome"].status) == (0.0, False, "running")
    twin, early = env.fork(), env.fork()
    for action in solution:
        observation, reward, terminated, _, info = env.step(action)
    assert (reward, terminated) == (1.0, True)
    assert info["outcome"].solved
    assert info["rewards"] == {"outcome": 1.0}

    _, reward, terminated, _, info = early.step("DONE")  # nothing was saved
    assert (reward, terminated, info["outcome"].success) == (0.0, True, False)
    twin.step("pyautogui.hotkey('ctrl', 's')")
    state = inner(twin).state
    assert state
    assert state.desktop
    assert len(state.actions) == 2
    assert state.view
    assert "*" not in state.view.heading()  # which says that something is not saved
    twin.close()


def test_elements_are_used_by_number_and_mistakes_are_told(env: Episode) -> None:
    observation, _ = env.reset(options={"task": TASK})
    menu = number_of(observation, 'menu "File"')
    observation, _, _, _, info = env.step(f"click({menu})")
    assert 'menu item "Save As..."' in observation
    shown = info["images"][0]
    for wrong, why in (
        ("click(999)", "there is no element 999"),
        ("import os; os.system('ls')", "is not understood"),
        ("pyautogui.click(5000, 5)", "outside of the screen"),
        ("pyautogui.press('nokey')", "unknown key 'nokey'"),
    ):
        observation, reward, terminated, _, info = env.step(wrong)
        assert (reward, terminated, info["outcome"].status) == (0.0, False, "invalid_action")
        assert why in info["outcome"].reason
        assert why in observation
        assert info["images"][0] == shown
    observation, *_ = env.step('{"action_type": "PRESS", "parameters": {"key": "esc"}}')
    assert "Save As..." not in observation
    assert "not carried out" not in observation
    observation, *_ = env.step("WAIT")
    assert 'menu "File"' in observation


def test_a_broken_desktop_is_an_infra_error_and_the_episode_goes_on_in_another(env: Episode) -> None:
    env.reset(options={"task": TASK})
    solution = env.oracle()
    first, second = next(solution), next(solution)
    env.step(first)
    state = inner(env).state
    assert state
    assert state.desktop
    broken = state.desktop
    desks().call(broken.sandbox.close())
    with pytest.raises(InfraError, match="closed"):
        env.step(second)
    for action in (second, "pyautogui.hotkey('ctrl', 's')"):
        env.step(action)
    assert state.desktop not in (None, broken)
    assert env.step("DONE")[1] == 1.0


def test_what_is_done_when_the_time_is_up_counts() -> None:
    need()
    (*steps, _) = _solution(TASK)
    for last, rest in (("WAIT", steps), ("not an action", steps), ("FAIL", steps), ("WAIT", steps[:-1])):
        env = gym.make("Desktop-v0", max_episode_steps=len(rest) + 1)
        env.reset(options={"task": TASK})
        for action in rest:
            assert env.step(action)[4]["outcome"] == Outcome.running()
        observation, reward, _, truncated, info = env.step(last)
        solved = len(rest) == len(steps) and last != "FAIL"
        assert (reward, info["rewards"], truncated) == (float(solved), {"outcome": float(solved)}, True)
        assert info["outcome"] == (
            Outcome.terminated(success=solved) if solved or last == "FAIL" else Outcome.truncated("max_episode_steps")
        )
        assert ("not carried out" in observation) == (last == "not an action")
        env.close()


def _solution(task: str) -> list[str]:
    with gym.make("Desktop-v0") as env:
        assert isinstance(env, Episode)
        env.reset(options={"task": task})
        actions = []
        for action in env.oracle():
            env.step(action)
            actions.append(action)
        return actions


def test_only_fail_solves_what_cannot_be_done() -> None:
    need()
    env = gym.make("Desktop-v0", template="missing_file", observation_type="xml", manual=False)
    task = inner(env).tasks()[0]
    assert inner(env).kind(task) == "missing_file"
    observation, _ = env.reset(options={"task": task})
    root = ElementTree.fromstring(observation[observation.index("<desktop-frame") :])
    cp = "{https://accessibility.ubuntu.example.org/ns/component}"
    panel = next(a for a in root.iter("application") if a.get("name") == "panel")
    button = next(b for b in panel.iter("push-button") if b.get("name") == "Files")
    assert button.get(f"{cp}screencoord") == "(0, 768)"
    assert button.get("{https://accessibility.ubuntu.example.org/ns/state}showing") == "true"
    assert "pyautogui" not in observation
    _, reward, terminated, _, info = env.step("FAIL")
    assert (reward, terminated, info["outcome"].solved) == (1.0, True, True)
    env.close()


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'append_line'"):
        DesktopEnv(template="apend_line")
    with pytest.raises(UnknownNameError, match="observation_type 'tree'"):
        DesktopEnv(observation_type="tree")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="screenshots=True"):
        DesktopEnv(observation_type="none")
    with pytest.raises(ConfigError, match="320 to 4096"):
        DesktopEnv(width=100)
    with pytest.raises(ConfigError, match="template is empty"):
        DesktopEnv(template=())
    with pytest.raises(UnknownNameError, match="split 'tain'"):
        DesktopEnv(split="tain")
