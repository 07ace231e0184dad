"""Checklists while episodes are played: which steps earn what, and when an episode ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentrl  # noqa: F401 - registers the environments
from tests.conftest import require

require("transformers")

from agentrl.agents.engine import SyncReport
from agentrl.agents.journal import Journal
from agentrl.agents.judges.checklist import Item
from agentrl.agents.judges.monitor import ChecklistMonitor
from agentrl.agents.judges.programmatic import CheckJudge
from agentrl.agents.judges.state import State
from agentrl.agents.loop import AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import ConfigError, InfraError
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task, Turn
from tests.fixtures.dialogues import turn_of, watch
from tests.fixtures.families import family_tokenizer

NAMES = "abcd"


def plain(name: str, count: int, *, needs: Sequence[str] = (), strict: bool = False) -> dict[str, Any]:
    return {
        "id": name,
        "focus_on": "assistant.tool_calls",
        "question": f"{name}?",
        "pass_condition": "yes",
        "dependence": list(needs),
        "required_for_next_turn": strict,
        "weight": 1 / count,
        "check": {"said": name},
    }


def task(*turns: Sequence[dict[str, Any]]) -> Task:
    return Task("Desk-v0", "a task", reference={"checklist": [list(turn) for turn in turns]})


class Table:
    """A judge that says what stands in a table: verdicts of each step."""

    def __init__(self, table: Sequence[Mapping[str, bool]]) -> None:
        self.table = table
        self.states: list[State] = []

    async def verdicts(self, items: Sequence[Item], state: State) -> list[bool]:
        self.states.append(state)
        return [self.table[len(state.steps) - 1][item.id] for item in items]


def follow(monitor: ChecklistMonitor, infos: Sequence[Mapping[str, Any]]) -> list[Turn]:
    turns = [turn_of(f"action {i}", f"reply {i}", other=0.5) for i in range(len(infos))]

    async def play() -> None:
        for turn, info in zip(turns, infos, strict=True):
            await monitor(turn, info)

    asyncio.run(play())
    return turns


@given(st.data())
def test_a_step_earns_what_the_formula_gives(data: st.DataObject) -> None:
    """r = 1[all deps satisfied in x_s and Sat(x_s) = 0 and Sat(x_{s+1}) = 1], written out over whole sequences."""
    steps = data.draw(st.integers(1, 6))
    needs = {c: data.draw(st.sets(st.sampled_from(NAMES[:k]))) if k else set() for k, c in enumerate(NAMES)}
    first = {c: data.draw(st.integers(0, steps)) for c in NAMES}  # Sat(x_s) = 1 from s = first + 1 on
    table = [{c: s >= first[c] for c in NAMES} for s in range(steps)]
    items = [plain(c, len(NAMES), needs=sorted(needs[c])) for c in NAMES]
    turns = follow(ChecklistMonitor(Table(table), task(items)), [{}] * steps)
    for s, turn in enumerate(turns):

        def sat(c: str, s: int) -> bool:
            return s > first[c]

        expected = {
            f"checklist/0/{c}": float(sat(c, s + 1))
            for c in NAMES
            if all(sat(d, s) for d in needs[c]) and not sat(c, s)
        }
        assert turn.rewards == {"other": 0.5} | expected
    for c in NAMES:
        earned = sum(turn.rewards.get(f"checklist/0/{c}", 0.0) for turn in turns)
        assert earned == float(first[c] < steps and all(first[d] < first[c] for d in needs[c]))


def test_what_is_satisfied_stays_so_and_is_not_judged_again() -> None:
    judge = Table([{"a": True, "b": False}, {"a": False, "b": True}, {"a": True, "b": True}])
    turns = follow(ChecklistMonitor(judge, task([plain("a", 2), plain("b", 2)])), [{}] * 3)
    assert [t.rewards for t in turns] == [
        {"other": 0.5, "checklist/0/a": 1.0, "checklist/0/b": 0.0},
        {"other": 0.5, "checklist/0/b": 1.0},
        {"other": 0.5},
    ]
    assert len(judge.states) == 2


def test_each_step_is_judged_by_the_items_of_its_user_turn() -> None:
    judge = Table([{"a": True, "b": True}] * 4)
    infos = [{"user_turn": t} for t in (1, 1, 2, 2)]
    turns = follow(ChecklistMonitor(judge, task([plain("a", 1)], [plain("a", 2), plain("b", 2)])), infos)
    assert [{k for k in t.rewards if k != "other"} for t in turns] == [
        {"checklist/0/a"},
        {"checklist/1/a", "checklist/1/b"},
        set(),
        set(),
    ]
    assert [len(s.current) for s in judge.states] == [1, 1]
    assert judge.states[1].transcript()[1].startswith('{"role": "tool", "content": "reply 0"}')


@pytest.mark.parametrize(
    ("met", "outcome"), [(True, Outcome.running()), (False, Outcome.truncated("strict_item_unmet"))]
)
def test_a_strict_item_decides_whether_the_user_goes_on(met: bool, outcome: Outcome) -> None:
    lists = [plain("a", 2, strict=True), plain("b", 2)], [plain("a", 1)]
    judge = Table([{"a": met, "b": False}] * 2)
    turns = follow(ChecklistMonitor(judge, task(*lists)), [{"user_turn": 0}, {"user_turn": 1}])
    assert [t.outcome for t in turns] == [Outcome.running(), outcome]


def test_a_monitor_that_is_not_strict_only_looks_on() -> None:
    judge = Table([{"a": False}, {"a": True}])
    monitor = ChecklistMonitor(judge, task([plain("a", 1, strict=True)], [plain("a", 1)]), strict=False)
    turns = follow(monitor, [{"user_turn": 1}, {"user_turn": 1}])
    assert [t.outcome for t in turns] == [Outcome.running()] * 2
    assert [t.rewards for t in turns] == [{"other": 0.5, "checklist/0/a": 0.0}, {"other": 0.5, "checklist/1/a": 1.0}]


def test_a_strict_item_does_not_change_how_an_episode_ended() -> None:
    monitor = ChecklistMonitor(Table([{"a": False}]), task([plain("a", 1, strict=True)]))
    turn = turn_of("done")
    turn.outcome = Outcome.terminated(success=True)
    asyncio.run(monitor(turn, {"user_turn": 1}))
    assert turn.outcome == Outcome.terminated(success=True)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="task a task: the checklist is empty"):
        ChecklistMonitor(CheckJudge(), Task("Desk-v0", "a task"))
    with pytest.raises(ConfigError, match="for 2 user turns"):
        follow(ChecklistMonitor(Table([]), task([plain("a", 1)], [plain("a", 1)])), [{}])


@pytest.mark.parametrize("domain", ["retail", "airline"])
def test_the_oracle_of_tooldesk_earns_the_whole_checklist_and_idle_words_nothing(domain: str) -> None:
    env: Any = gym.make("ToolDesk-v0", domain=domain)
    for task_id in list(env.tasks("valid"))[:12]:
        told = Task("ToolDesk-v0", task_id, reference=env.reference(task_id))
        lists = told.reference["checklist"]
        weights = {f"checklist/{t}/{i['id']}": i["weight"] for t, items in enumerate(lists) for i in items}

        solved = asyncio.run(watch(env, told, ChecklistMonitor(CheckJudge(), told)))
        earned = sum(w * turn.rewards.get(channel, 0.0) for turn in solved for channel, w in weights.items())
        assert earned / len(lists) == pytest.approx(1.0)
        assert solved[-1].outcome == Outcome.terminated(success=True)
        idle = asyncio.run(watch(env, told, ChecklistMonitor(CheckJudge(), told), first=["say[Done.]"]))
        opened = {f"checklist/0/{i['id']}": 0.0 for i in lists[0] if not i["dependence"]}
        assert {channel: v for channel, v in idle[0].rewards.items() if channel in weights} == opened
        assert [turn.outcome for turn in idle] == [Outcome.truncated("strict_item_unmet")]


# -- in the agent loop -----------------------------------------------------------------------------------------


class Desk(TextEnv):
    """Every action is said to the user; every second one ends a user turn, the fourth the episode."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["a task"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("Hello.")

    def act(self, action: str) -> Result:
        self.state += 1
        done = self.state == 4
        outcome = Outcome.terminated(success=True) if done else Outcome.running()
        info = {"user_turn": self.state // 2, "said": action}
        return Result(f"You said {action}.", {"outcome": float(done)}, outcome, info=info)

    def oracle(self) -> Iterator[str]:
        yield from "abcd"


class Reciter:
    """An engine that says the next of its words at each turn of an episode."""

    version = 1
    max_context = 1000

    def __init__(self, renderer: Renderer, words: str) -> None:
        self.renderer, self.words = renderer, words
        self.calls = 0
        self.failing: Callable[[int], bool] = lambda call: False

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.calls += 1
        if self.failing(self.calls):
            raise InfraError("the server is gone")
        assert params.seed is not None
        ids = self.renderer.action(self.words[params.seed & 0xFFFF])
        return Completion(tuple(ids), (-0.5,) * len(ids), (1,) * len(ids), "stop")

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        raise NotImplementedError

    async def publish(self, weights: Mapping[str, Any], version: int) -> SyncReport:
        raise NotImplementedError

    def release(self, session: str) -> None:
        pass


class Moody(CheckJudge):
    """A judge that fails, or changes its mind, at some of its calls."""

    def __init__(self, failing: Sequence[int] = (), changed: int = 1 << 30) -> None:
        super().__init__()
        self.failing, self.changed = failing, changed
        self.calls = 0

    async def verdicts(self, items: Sequence[Item], state: State) -> list[bool]:
        self.calls += 1
        if self.calls in self.failing:
            raise InfraError("no verdict")
        verdicts = await super().verdicts(items, state)
        return [not v for v in verdicts] if self.calls == self.changed else verdicts


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(family_tokenizer("chatml"), "Play.")


TASK = task([plain("a", 2, strict=True), plain("b", 2, needs="a")], [plain("c", 2), plain("d", 2)])


def loop_of(engine: Reciter, judge: CheckJudge, **limits: Any) -> AgentLoop:
    agent = LLMAgent(engine, engine.renderer, SamplingParams(max_tokens=16))
    return AgentLoop(
        lambda env_id: Episode(Desk()),
        agent,
        Limits(failure_rate=1.0, **limits),
        monitor=partial(ChecklistMonitor, judge),
    )


def play(loop: AgentLoop, rollouts: int = 1) -> Group:
    return asyncio.run(loop.collect([RolloutSpec(TASK, rollouts, 0)]))[0]


def channels(group: Group) -> list[list[dict[str, float]]]:
    return [[group.turns[i].rewards for i in path] for path in group.rollouts()]


GOOD = [
    {"outcome": 0.0, "checklist/0/a": 1.0},
    {"outcome": 0.0, "checklist/0/b": 1.0},
    {"outcome": 0.0, "checklist/1/c": 0.0, "checklist/1/d": 1.0},
    {"outcome": 1.0, "checklist/1/c": 1.0},
]


def test_the_loop_rewards_the_steps_of_every_rollout(renderer: Renderer) -> None:
    group = play(loop_of(Reciter(renderer, "abdc"), CheckJudge()), rollouts=3)
    assert channels(group) == [GOOD] * 3
    assert all(turn.timing["monitor"] >= 0 for turn in group.turns)


def test_an_episode_without_a_strict_item_ends_with_its_user_turn(renderer: Renderer) -> None:
    engine = Reciter(renderer, "bxcd")
    group = play(loop_of(engine, CheckJudge()))
    assert channels(group) == [[{"outcome": 0.0, "checklist/0/a": 0.0}] * 2]
    assert group.turns[-1].outcome == Outcome.truncated("strict_item_unmet")
    assert engine.calls == 2


def test_what_was_judged_before_a_failure_comes_out_again(renderer: Renderer) -> None:
    engine = Reciter(renderer, "abdc")
    engine.failing = lambda call: call in (2, 5)  # once after the first step, once after the third
    group = play(loop_of(engine, CheckJudge()))
    assert channels(group) == [GOOD]
    assert [t.outcome.status for t in group.turns].count("infra_error") == 2


def test_a_judge_that_fails_once_is_asked_again(renderer: Renderer) -> None:
    engine = Reciter(renderer, "abdc")
    group = play(loop_of(engine, Moody(failing=[3])))
    assert channels(group) == [GOOD]
    assert engine.calls == 5


def test_a_rollout_that_cannot_be_judged_leaves_the_statistics(renderer: Renderer) -> None:
    judge = Moody(failing=range(3, 1000))
    group = play(loop_of(Reciter(renderer, "abdc"), judge, retries=1))
    assert group.rollouts() == []
    for path in group.rollouts(with_infra_errors=True):
        assert group.turns[path[-1]].outcome == Outcome.infra_error("no verdict")
        assert group.turns[path[-1]].rewards == {}


def test_a_judge_that_changes_its_mind_makes_the_episode_begin_anew(renderer: Renderer) -> None:
    engine = Reciter(renderer, "abdc")
    engine.failing = lambda call: call == 3
    loop = loop_of(engine, Moody(changed=4))  # the replay of the second step
    group = play(loop)
    assert channels(group) == [GOOD]
    reasons = [t.outcome.reason for t in group.turns if t.outcome.status == "infra_error"]
    assert reasons == ["the server is gone", "task a task: turn 2 is judged differently than before"]
    assert engine.calls == 3 + 4
    assert loop.discarded > 0


def test_verdicts_survive_a_kill(renderer: Renderer, tmp_path: Path) -> None:
    spec = RolloutSpec(TASK, 1, 0)

    def run(engine: Reciter) -> Group:
        async def group() -> Group:
            loop = loop_of(engine, CheckJudge(), retries=0)
            return await loop.group(spec, loop.places(), Journal(tmp_path).begin(0, spec))

        return asyncio.run(group())

    dying = Reciter(renderer, "abdc")
    dying.failing = lambda call: call == 4
    assert run(dying).rollouts() == []
    reborn = Reciter(renderer, "abdc")
    assert channels(run(reborn)) == [GOOD]
    assert reborn.calls == 1
