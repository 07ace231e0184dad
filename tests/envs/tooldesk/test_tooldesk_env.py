"""`ToolDesk-v0` through Gymnasium: the contract, rewards, and its experts."""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from statistics import mean
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.envs.check import check
from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.database import connect
from agentrl.envs.text.tooldesk.tasks import DOMAINS, load_task
from agentrl.errors import ConfigError, UnknownNameError


def make(**kwargs: Any) -> Episode:
    env = gym.make("ToolDesk-v0", **kwargs)
    assert isinstance(env, Episode)
    return env


ENV = make()


def play(env: Episode, task: str, actions: list[str]) -> list[tuple[str, dict[str, Any]]]:
    env.reset(options={"task": task})
    steps = []
    for action in actions:
        text, _, terminated, truncated, info = env.step(action)
        steps.append((text, info))
        if terminated or truncated:
            break
    return steps


def oracle(task: str) -> list[str]:
    ENV.reset(options={"task": task})
    return list(ENV.oracle())


def demonstrate(task: str, **options: Any) -> tuple[bool, int, list[bool]]:
    """Whether it was solved, refused calls, and which actions were mistakes."""
    text, _ = ENV.reset(options={"task": task})
    expert, mistakes, refused = ENV.demonstrator(**options), [], 0
    while True:
        text, _, terminated, truncated, info = ENV.step(expert.act(text))
        mistakes.append(expert.last_was_mistake)
        refused += info["rewards"]["policy"] < 0
        if terminated or truncated:
            return info["outcome"].solved, refused, mistakes


@pytest.mark.parametrize("kwargs", [{}, {"domain": "airline", "manual": "json"}, {"tools": "simulated"}])
def test_the_contract(kwargs: dict[str, Any]) -> None:
    report = check("ToolDesk-v0", **kwargs)
    assert report.passed, str(report)


def test_arguments() -> None:
    for name in ("domain", "tools", "manual", "split"):
        with pytest.raises(UnknownNameError):
            make(**{name: "nonsense"})
    with pytest.raises(ConfigError, match="simulated"):
        make(simulator=object())
    text = {form: make(manual=form).reset(options={"task": "test/retail/0"})[0] for form in ("text", "json", "none")}
    assert text["none"].startswith("User: Hello")
    assert all(text[form].endswith(text["none"]) for form in text)
    assert '"additionalProperties": false' in text["json"]
    assert set(make(domain="airline").tasks("test")[:2]) == {"test/airline/0", "test/airline/1"}


def test_the_oracle_solves_every_kind_with_all_of_the_progress() -> None:
    for task in ENV.tasks("valid")[:60]:
        steps = play(ENV, task, oracle(task))
        assert steps[-1][1]["outcome"].solved
        assert sum(info["rewards"]["outcome"] for _, info in steps) == 1
        assert sum(info["rewards"]["progress"] for _, info in steps) == pytest.approx(1)
        assert not any(info["rewards"]["policy"] or info["rewards"]["format"] for _, info in steps)
        assert 4 <= len(steps) <= 25


def test_the_oracle_goes_on_from_anywhere() -> None:
    for task in ENV.tasks("train")[:12]:
        actions = oracle(task)
        for cut in range(len(actions)):
            play(ENV, task, actions[:cut])
            steps = [ENV.step(action) for action in ENV.oracle()]
            assert steps[-1][4]["outcome"].solved


def test_the_oracle_makes_up_for_a_wish_that_was_passed_over() -> None:
    task = next(t for t in ENV.tasks("train")[:50] if len(load_task(t).script.wishes) > 1)
    play(ENV, task, ["say[That is done]"])
    steps = [ENV.step(action) for action in ENV.oracle()]
    assert steps[-1][4]["outcome"].solved


def test_leaving_out_any_deed_fails() -> None:
    for task in ENV.tasks("train")[:20]:
        tools = load_task(task).domain.tools
        actions = oracle(task)
        for number, action in enumerate(actions):
            name = action.split()[0]
            if name in tools and tools[name].writes:
                steps = play(ENV, task, actions[:number] + actions[number + 1 :])
                outcome = steps[-1][1]["outcome"]
                assert outcome.status == "terminated"
                assert not outcome.solved or _made_up_for(task, action)


def _made_up_for(task: str, action: str) -> bool:
    """Whether a later wish overwrites what the action did."""
    words = action.split()
    return sum(a.split()[:3] == words[:3] for a in oracle(task)) > 1


def test_one_deed_too_many_fails_and_costs_progress() -> None:
    task = next(t for t in ENV.tasks("train")[:200:2] if load_task(t).script.introduces)
    actions = [*oracle(task)[:-1], 'change_home address "river street 99"', "done[]"]
    steps = play(ENV, task, actions)
    assert steps[-2][1]["rewards"]["progress"] < 0
    assert sum(info["rewards"]["progress"] for _, info in steps) < 1
    assert not steps[-1][1]["outcome"].solved
    first = play(ENV, task, [actions[0], 'change_home address "river street 99"'])
    assert first[-1][1]["rewards"]["progress"] < 0  # even before anything was gained


def test_what_a_rule_forbids_is_refused_and_costs_policy_but_not_the_goal() -> None:
    refused = 0
    for task in ENV.tasks("train")[:60]:
        script, actions = load_task(task).script, oracle(task)
        traps = [wish for wish in script.wishes if wish.forbidden]
        for wish in traps:
            refusal = actions.index(f"say[{wish.reply}]")
            assert isinstance(wish.forbidden, Call)
            steps = play(ENV, task, [*actions[:refusal], wish.forbidden.text(), *actions[refusal:]])
            text, info = steps[refusal]
            assert text.startswith(f"error policy {wish.rule}: ")
            assert info["rewards"] == {"outcome": 0, "progress": 0, "policy": -1, "format": 0}
            assert info["error"]["where"] == wish.rule
            assert info["outcome"].status == "running"
            assert steps[-1][1]["outcome"].solved
            refused += 1
    assert refused > 5


@pytest.mark.parametrize("action", ["hello", "get_ordr order 1", "find_user name x", "find_user({)"])
def test_ill_formed_actions(action: str) -> None:
    ((text, info),) = play(ENV, "train/retail/0", [action])
    assert text.startswith("error ")
    assert info["outcome"].status == "invalid_action"
    assert info["rewards"]["format"] == -1


def test_ending_too_early_or_by_a_transfer_fails() -> None:
    for action in ("done[]", "transfer reason unclear"):
        ((_, info),) = play(ENV, "train/retail/0", [action])
        assert info["outcome"].status == "terminated"
        assert not info["outcome"].solved
        assert info["rewards"]["outcome"] == 0


def test_info_follows_the_conversation() -> None:
    task = next(t for t in ENV.tasks("train")[:50] if len(load_task(t).script.wishes) == 3)
    turns = [info["user_turn"] for _, info in play(ENV, task, oracle(task))]
    assert turns[0] == 0
    assert turns[-1] == 3
    assert all(0 <= b - a <= 1 for a, b in pairwise(turns))


def test_fork_copies_the_database() -> None:
    task = "train/retail/0"
    actions = oracle(task)
    play(ENV, task, actions[:-1])
    twin = ENV.fork()
    twin.step('change_home address "river street 99"')
    assert not twin.step("done[]")[4]["outcome"].solved
    assert ENV.step("done[]")[4]["outcome"].solved


def test_another_thread_may_go_on() -> None:
    actions = oracle("train/retail/0")
    ENV.reset(options={"task": "train/retail/0"})
    with ThreadPoolExecutor(1) as pool:
        steps = [pool.submit(ENV.step, action).result() for action in actions]
    assert steps[-1][4]["outcome"].solved


def test_the_oracle_finds_the_user_again_after_somebody_else() -> None:
    task = "train/retail/0"
    rows = load_task(task)
    others = "SELECT name, pin FROM users WHERE name <> ?"
    name, pin = connect(rows.image).execute(others, (rows.script.name,)).fetchone()
    play(ENV, task, [*oracle(task)[:2], f'find_user name "{name}" pin {pin}'])
    assert [ENV.step(action) for action in ENV.oracle()][-1][4]["outcome"].solved


def test_the_expert_serves_nearly_everybody_from_the_text_alone() -> None:
    solved = defaultdict(list)
    for split in ("valid", "test"):
        for task in ENV.tasks(split)[:130]:
            won, refused, _ = demonstrate(task)
            solved[ENV.kind(task)].append(won)
            assert not refused
    assert len(solved) == sum(len(domain.goals) for domain in DOMAINS.values())
    assert all(mean(group) >= 0.9 for group in solved.values())


def test_the_expert_recovers_from_mistakes() -> None:
    episodes = [demonstrate(task, seed=i, mistakes=0.25) for i, task in enumerate(ENV.tasks("train")[:100])]
    assert mean(won for won, *_ in episodes) >= 0.9
    assert 0.15 < mean(mistake for *_, mistakes in episodes for mistake in mistakes) < 0.35
    assert demonstrate("train/retail/1", seed=1, mistakes=0.5) == demonstrate("train/retail/1", seed=1, mistakes=0.5)


def test_episodes_are_quick() -> None:
    tasks = [*ENV.tasks("train")[:50]]
    scripts = [oracle(task) for task in tasks]
    begun = time.process_time()
    steps = sum(len(play(ENV, task, actions)) for task, actions in zip(tasks, scripts, strict=True))
    assert steps / (time.process_time() - begun) > 500  # an idle core: 5,000
