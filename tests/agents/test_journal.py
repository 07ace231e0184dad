"""Groups in flight survive their process; episodes go on by replaying what they did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.agents.engine import EngineStats, Probe, SyncReport
from agentrl.agents.episode import Limits, LLMAgent
from agentrl.agents.journal import Journal
from agentrl.agents.loop import AgentLoop, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import CorruptFileError, InfraError
from agentrl.records import turn_to_json
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task
from tests.conftest import require

require("transformers")

from tests.fixtures.families import family_tokenizer

TURNS = 4


class Walk(TextEnv):
    """Ends after `TURNS` actions and shows all of them, so that every observation depends on the whole past."""

    salt = 0
    """Another one stands for an environment that does not do the same again."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["a", "b"]

    def begin(self, task_id: str) -> Result:
        self.state = []
        return Result(f"Task {task_id}.")

    def act(self, action: str) -> Result:
        self.state.append(action)
        done = len(self.state) == TURNS
        text = f"{self.task_id} {self.salt * (len(self.state) > 1)}: {'; '.join(self.state)}"
        return Result(text, {"outcome": float(done)}, Outcome.terminated(success=True) if done else Outcome.running())

    def oracle(self) -> Iterator[str]:
        yield from ["x"] * TURNS


class Echoing:
    """An engine whose actions are a function of context and seed; `fails` is asked before every call."""

    version, max_context, takes = 3, 4000, "weights"

    def __init__(self, renderer: Renderer, fails: Callable[[int], bool] = lambda call: False) -> None:
        self.renderer, self.fails, self.calls = renderer, fails, 0

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.calls += 1
        if self.fails(self.calls):
            raise InfraError("the server is gone")
        await asyncio.sleep(0)
        ids = self.renderer.action(f"go {hash((tuple(prompt_ids), params.seed)) % 97}")
        return Completion(tuple(ids), tuple(-i / 7 for i in range(len(ids))), (3,) * len(ids), "stop", 0.25)

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        raise NotImplementedError

    async def start(self) -> None: ...
    async def close(self) -> None: ...

    async def publish(self, weights: Mapping[str, Any], version: int, probe: Probe | None = None) -> SyncReport:
        raise NotImplementedError

    def stats(self) -> EngineStats:
        return EngineStats()

    def release(self, session: str) -> None: ...


class KilledError(Exception):
    """Ends everything at once, as a signal does."""


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(family_tokenizer("chatml"), "Play.")


SPEC = RolloutSpec(Task("Walk-v0", "a"), 3, 5)


def loop_of(engine: Any, env: Callable[[], TextEnv] = Walk, **limits: Any) -> AgentLoop:
    agent = LLMAgent(engine, engine.renderer, SamplingParams(max_tokens=16))
    return AgentLoop(lambda env_id: Episode(env()), agent, Limits(**limits))


def play(loop: AgentLoop, journal: Journal | None = None, spec: RolloutSpec = SPEC) -> Group:
    async def run() -> Group:
        return await loop.group(spec, loop.places(), journal.begin(0, spec) if journal else None)

    return asyncio.run(run())


def content(group: Group) -> list[dict[str, Any]]:
    """The group without its clocks."""
    turns = [turn_to_json(turn) for turn in group.turns]
    for turn in turns:
        del turn["seconds"], turn["timing"]
    return turns


def killed_after(calls: int) -> Callable[[int], bool]:
    def fails(call: int) -> bool:
        if call > calls:
            raise KilledError
        return False

    return fails


@pytest.mark.parametrize("calls", range(3 * TURNS + 1))
def test_a_killed_group_ends_as_if_it_had_not_been(renderer: Renderer, tmp_path: Path, calls: int) -> None:
    whole = play(loop_of(Echoing(renderer)))
    journal = Journal(tmp_path)
    if calls < 3 * TURNS:
        with pytest.raises(KilledError):
            play(loop_of(Echoing(renderer, killed_after(calls))), journal)
    else:
        play(loop_of(Echoing(renderer)), journal)
    engine = Echoing(renderer)
    resumed = play(loop_of(engine), Journal(tmp_path))
    assert content(resumed) == content(whole)
    assert 0 <= engine.calls - (3 * TURNS - calls) <= 2, "but for the turns in the making, everything is kept"


def test_a_torn_line_is_played_again(renderer: Renderer, tmp_path: Path) -> None:
    whole = play(loop_of(Echoing(renderer)), Journal(tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40])
    engine = Echoing(renderer)
    assert content(play(loop_of(engine), Journal(tmp_path))) == content(whole)
    assert engine.calls == 1


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 10_000))
def test_a_file_cut_anywhere_is_read(renderer: Renderer, tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = play(loop_of(Echoing(renderer)), Journal(folder))
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:cut])
    assert content(play(loop_of(Echoing(renderer)), Journal(folder))) == content(whole)
    assert content(play(loop_of(Echoing(renderer, lambda call: True)), Journal(folder))) == content(whole)


def test_a_damaged_file_is_refused(renderer: Renderer, tmp_path: Path) -> None:
    play(loop_of(Echoing(renderer)), Journal(tmp_path))
    (path,) = tmp_path.iterdir()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], json.dumps({"rollout": 9, "turn": {}}), *lines[2:]]) + "\n")
    with pytest.raises(CorruptFileError, match="group-00000000"):
        Journal(tmp_path).begin(0, SPEC)


def test_groups_are_forgotten_by_number(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "inflight")
    for number in (0, 7, 12):
        journal.begin(number, SPEC)
    journal.forget(8)
    assert [p.name for p in (tmp_path / "inflight").iterdir()] == ["group-00000012.jsonl"]


def test_a_failed_episode_goes_on_where_it_stood(renderer: Renderer) -> None:
    """The failure is a leaf beside the turn that came to pass, and costs one turn."""
    whole = play(loop_of(Echoing(renderer)), spec=RolloutSpec(SPEC.task, 1, 5))
    engine = Echoing(renderer, lambda call: call == 3)
    group = play(loop_of(engine), spec=RolloutSpec(SPEC.task, 1, 5))
    assert engine.calls == TURNS + 1
    (path,) = group.rollouts()
    played = [group.turns[i] for i in path]
    assert [t.action for t in played] == [t.action for t in whole.turns]
    (failed,) = [t for t in group.turns if t.outcome.status == "infra_error"]
    assert failed.parent == path[1]
    assert len(group.rollouts(with_infra_errors=True)) == 2


def test_an_environment_that_does_otherwise_is_begun_anew(renderer: Renderer, tmp_path: Path) -> None:
    made = 0

    def env() -> TextEnv:
        nonlocal made
        made += 1
        walk = Walk()
        walk.salt = made
        return walk

    engine = Echoing(renderer, lambda call: call == 4)
    loop = loop_of(engine, env, retries=3)
    spec = RolloutSpec(SPEC.task, 1, 5)
    group = play(loop, Journal(tmp_path), spec)
    (path,) = group.rollouts()
    assert len(path) == TURNS
    assert group.turns[path[0]].parent is None
    causes = [t.outcome.reason for t in group.turns if t.outcome.status == "infra_error"]
    assert "the server is gone" in causes[0]
    assert "replayed differently at turn 2" in causes[1]
    assert loop.discarded == sum(len(group.turns[i].action_ids) for i in range(3))
    again = play(loop_of(Echoing(renderer, lambda call: True), env), Journal(tmp_path), spec)
    assert [t.action for t in again.turns] == [group.turns[i].action for i in path]


def test_the_time_of_a_turn_is_split(renderer: Renderer) -> None:
    group = play(loop_of(Echoing(renderer), concurrency=1))
    for turn in group.turns:
        assert set(turn.timing) == {"queue", "engine", "environment"}
        assert turn.timing["queue"] >= 0.25
