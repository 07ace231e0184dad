"""The agent loop with a scripted engine: records, limits and failures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agentrl.agents.engine import SyncReport
from agentrl.agents.loop import AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task
from tests.conftest import require

require("transformers")

from tests.fixtures.families import family_tokenizer


class Echo(TextEnv):
    """Answers with the action; solved by the third. Its tasks are named after what goes wrong in them."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["fine", "broken", "bug"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result(f"Task {task_id}.")

    def act(self, action: str) -> Result:
        self.state += 1
        if self.task_id == "broken" and self.state == 2:
            raise InfraError("the sandbox is gone")
        if self.task_id == "bug":
            raise KeyError("oops")
        done = self.state == 3 and self.task_id == "fine"
        outcome = Outcome.terminated(success=True) if done else Outcome.running()
        return Result(f"You said {action}.", {"outcome": float(done), "words": 1.0}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["x"] * 3


class SeenEcho(Echo):
    def begin(self, task_id: str) -> Result:
        return replace(super().begin(task_id), images=[b"a picture"])


class SlowEcho(Echo):
    blocking = True

    def act(self, action: str) -> Result:
        time.sleep(0.2)
        return super().act(action)


class Scripted:
    """An engine whose actions are a function of the seed; it records what it is asked."""

    version = 4
    max_context = 400

    def __init__(self, renderer: Renderer, failing: Callable[[int], bool] = lambda call: False) -> None:
        self.renderer, self.failing = renderer, failing
        self.calls: list[tuple[str, list[int], SamplingParams]] = []
        self.released: list[str] = []
        self.running = self.most = 0

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.calls.append((session, list(prompt_ids), params))
        if self.failing(len(self.calls)):
            raise InfraError("the server is gone")
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.001)
        self.running -= 1
        assert params.seed is not None
        ids = self.renderer.action(f"go {params.seed % 7}")
        return Completion(tuple(ids), (-0.5,) * len(ids), (self.version,) * len(ids), "stop")

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        raise NotImplementedError

    async def publish(self, weights: Mapping[str, Any], version: int) -> SyncReport:
        raise NotImplementedError

    def release(self, session: str) -> None:
        self.released.append(session)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(family_tokenizer("chatml"), "Play.")


def spec(task: str = "fine", rollouts: int = 3, seed: int = 5) -> RolloutSpec:
    return RolloutSpec(Task("Echo-v0", task), rollouts, seed)


def play(loop: AgentLoop, *specs: RolloutSpec, **options: Any) -> list[Group]:
    return asyncio.run(loop.collect(specs, **options))


def loop_of(engine: Scripted, env: type[TextEnv] = Echo, max_tokens: int = 16, **limits: Any) -> AgentLoop:
    agent = LLMAgent(engine, engine.renderer, SamplingParams(max_tokens=max_tokens))
    return AgentLoop(lambda env_id: Episode(env()), agent, Limits(**limits))


def test_a_group_records_every_turn(renderer: Renderer) -> None:
    engine = Scripted(renderer)
    done: list[Group] = []
    groups = play(loop_of(engine), spec(), spec(seed=6), on_group=done.append)
    assert sorted(map(id, done)) == sorted(map(id, groups))
    for group in groups:
        assert len(group.rollouts()) == 3
        for path in group.rollouts():
            turns = [group.turns[i] for i in path]
            assert [t.outcome.status for t in turns] == ["running", "running", "terminated"]
            assert turns[0].observation == "Task fine."
            assert turns[1].observation == turns[0].feedback == f"You said {turns[0].action}."
            assert turns[2].rewards == {"outcome": 1.0, "words": 1.0}
            assert turns[1].versions == (4,) * len(turns[1].action_ids)
            context: list[int] = []
            for turn in turns:
                context += turn.prompt_ids
                assert (turn.cost["prompt_tokens"], turn.cost["completion_tokens"]) == (
                    len(context),
                    len(turn.action_ids),
                )
                assert any(prompt == context for _, prompt, _ in engine.calls)
                context += turn.action_ids
    assert len(engine.released) == 6


def test_seeds_determine_the_episodes(renderer: Renderer) -> None:
    def actions(seed: int) -> list[list[str]]:
        (group,) = play(loop_of(Scripted(renderer)), spec(seed=seed))
        return [[group.turns[i].action for i in path] for path in group.rollouts()]

    assert actions(1) == actions(1)
    engine = Scripted(renderer)
    play(loop_of(engine), spec(), spec(seed=6))
    assert len({params.seed for _, _, params in engine.calls}) == len(engine.calls)
    assert all(renderer.end_id in params.stop_token_ids for _, _, params in engine.calls)


def test_turn_limit(renderer: Renderer) -> None:
    (group,) = play(loop_of(Scripted(renderer), turns=2), spec(rollouts=1))
    assert [t.outcome for t in group.turns] == [Outcome.running(), Outcome.truncated("max_turns")]


def test_context_limit_of_the_run_and_of_the_engine(renderer: Renderer) -> None:
    (whole,) = play(loop_of(Scripted(renderer)), spec(rollouts=1))
    used = sum(len(t.prompt_ids) + len(t.action_ids) for t in whole.turns[:2])
    for limits, max_context in (({"context_tokens": used + 16}, 400), ({}, used + 16)):
        engine = Scripted(renderer)
        engine.max_context = max_context
        (group,) = play(loop_of(engine, **limits), spec(rollouts=1))
        assert [t.outcome for t in group.turns] == [Outcome.running(), Outcome.truncated("context")]


def test_a_first_prompt_that_does_not_fit_is_a_mistake(renderer: Renderer) -> None:
    with pytest.raises(ConfigError, match="context of 20"):
        play(loop_of(Scripted(renderer), context_tokens=20), spec())


def test_pictures_are_not_for_engines_that_read_text(renderer: Renderer) -> None:
    with pytest.raises(ConfigError, match="leave screenshots=true out"):
        play(loop_of(Scripted(renderer), SeenEcho), spec())


def test_concurrency_limit_and_reuse_of_environments(renderer: Renderer) -> None:
    engine, made = Scripted(renderer), []

    def make(env_id: str) -> Episode:
        made.append(env_id)
        return Episode(Echo())

    loop = AgentLoop(make, LLMAgent(engine, renderer), Limits(concurrency=4))
    play(loop, *(spec(seed=s) for s in range(6)))
    play(loop, *(spec(seed=s) for s in range(6)))
    assert engine.most == 4
    assert made == ["Echo-v0"] * 4


def test_environment_failure_is_an_outcome_and_no_reward(renderer: Renderer) -> None:
    engine = Scripted(renderer)
    loop = loop_of(engine, retries=1)
    (group,) = play(loop, spec("broken", rollouts=2))
    assert group.rollouts() == []
    paths = group.rollouts(with_infra_errors=True)
    assert len(paths) == 4
    for path in paths:
        assert [group.turns[i].outcome.status for i in path] == ["running", "infra_error"]
        assert group.turns[path[-1]].rewards == {}
        assert group.turns[path[-1]].outcome.reason == "the sandbox is gone"
    assert (loop.attempts, loop.failures) == (4, 4)
    assert len(engine.released) == 4


def test_a_failed_engine_call_is_retried(renderer: Renderer) -> None:
    (group,) = play(loop_of(Scripted(renderer, failing=lambda call: call == 2)), spec(rollouts=1))
    assert len(group.rollouts()) == 1
    assert len(group.rollouts(with_infra_errors=True)) == 2


def test_too_many_failures_stop_the_run(renderer: Renderer) -> None:
    loop = loop_of(Scripted(renderer), failure_grace=3)
    with pytest.raises(RunStoppedError, match="the sandbox is gone"):
        play(loop, spec("broken"))


def test_an_outage_late_in_a_run_stops_it_before_a_rollout_is_lost(renderer: Renderer) -> None:
    engine = Scripted(renderer)
    loop = loop_of(engine, concurrency=12)
    play(loop, *(spec(seed=s) for s in range(100)))
    engine.failing = lambda call: True
    ended: list[Group] = []
    with pytest.raises(RunStoppedError, match=r"of the latest 120 episodes .* the server is gone"):
        play(loop, *(spec(seed=s) for s in range(4)), on_group=ended.append)
    assert loop.failures > 12 * 2
    assert not ended


def test_an_incident_that_ends_all_that_plays_is_borne(renderer: Renderer) -> None:
    engine = Scripted(renderer)
    loop = loop_of(engine, concurrency=12)
    play(loop, *(spec(seed=s) for s in range(100)))
    down = len(engine.calls) + 12
    engine.failing = lambda call: call <= down
    groups = play(loop, *(spec(seed=s) for s in range(4)))
    assert loop.failures == 12
    assert all(len(group.rollouts()) == 3 for group in groups)


def test_bugs_propagate(renderer: Renderer) -> None:
    engine = Scripted(renderer)
    with pytest.raises(KeyError, match="oops"):
        play(loop_of(engine), spec("bug"), spec())
    assert len(set(engine.released)) == len({session for session, _, _ in engine.calls})


def test_blocking_environments_step_side_by_side(renderer: Renderer) -> None:
    begun = time.perf_counter()
    play(loop_of(Scripted(renderer), SlowEcho), spec(rollouts=6))
    assert time.perf_counter() - begun < 6 * 3 * 0.2


def test_a_hanging_turn_is_an_infrastructure_error(renderer: Renderer) -> None:
    (group,) = play(loop_of(Scripted(renderer), SlowEcho, turn_seconds=0.02, retries=0), spec(rollouts=1))
    assert group.turns[-1].outcome == Outcome.infra_error("no answer within 0.02 s")
