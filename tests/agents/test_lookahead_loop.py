"""Rollouts whose first turns come from a tree of tokens: a real engine, an environment, and a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import InfraError
from agentrl.records import turn_to_json
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task
from tests.conftest import require

require("torch")
require("transformers")
require("rapidfuzz")

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.journal import Journal
from agentrl.agents.lookahead.engine import Branched
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.loop import LOOKAHEAD, AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.render import Renderer
from tests.agents.models import make, plain_logprobs
from tests.fixtures.families import family_tokenizer

TURNS = 2
OPTIONS = TokenOptions(tau_abs=0.001, tau_rel=0.9, lookahead=(2, 4), tau_ed=0.9)


class Echo(TextEnv):
    """Says what it heard, and ends after some turns."""

    broken = 0
    """Steps that fail from now on."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["0"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("Speak.")

    def act(self, action: str) -> Result:
        if type(self).broken:
            type(self).broken -= 1
            raise InfraError("the sandbox is gone")
        self.state += 1
        done = self.state == TURNS
        outcome = Outcome.terminated(success=True) if done else Outcome.running()
        return Result(f"You said {action}.", {"outcome": float(len(action))}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["x"] * TURNS


class Failing(EmbeddedEngine):
    """Fails as it is told."""

    calls = trees = 0
    fails: Callable[[int], BaseException | None] = staticmethod(lambda call: None)
    """Of any call, by its number."""
    fails_tree: Callable[[int], BaseException | None] = staticmethod(lambda tree: None)

    async def generate(self, *args: Any) -> Completion:
        self._count()
        return await super().generate(*args)

    async def branch(self, *args: Any) -> Branched:
        self._count()
        self.trees += 1
        if error := self.fails_tree(self.trees):
            raise error
        return await super().branch(*args)

    def _count(self) -> None:
        self.calls += 1
        if error := self.fails(self.calls):
            raise error


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(family_tokenizer("chatml"), "Play.")


@pytest.fixture
def engine(renderer: Renderer) -> Failing:
    return Failing(make("lfm2", len(renderer._tokenizer)).double())


def play(engine: EmbeddedEngine, renderer: Renderer, log: Journal | None = None, **changes: Any) -> Group:
    async def run() -> Group:
        agent = LLMAgent(engine, renderer, SamplingParams(max_tokens=12))
        loop = AgentLoop(lambda env_id: Episode(Echo()), agent, Limits(failure_rate=1.0, **limits), lookahead=OPTIONS)
        return await loop.group(spec, loop.places(), log.begin(0, spec) if log else None)

    limits = changes.pop("limits", {})
    spec = RolloutSpec(Task("Echo-v0", "0"), **{"rollouts": 5, "seed": 7, "lookahead": 4, **changes})
    return asyncio.run(run())


def firsts(group: Group) -> list[tuple[int, ...]]:
    return [tuple(group.turns[path[0]].action_ids) for path in group.rollouts()]


def content(group: Group) -> list[dict[str, Any]]:
    """The group without its clocks."""
    return [{**turn_to_json(turn), "seconds": 0, "timing": {}} for turn in group.turns]


def test_first_turns_are_leaves_of_one_tree(engine: Failing, renderer: Renderer) -> None:
    group = play(engine, renderer)
    record = group.notes[LOOKAHEAD]
    assert record["width"] == 4
    assert record["branched"] >= 3
    assert len(group.rollouts()) == 5
    assert len(set(firsts(group)[:4])) == 4 - record["copies"]
    assert record["returned"] == sum(map(len, firsts(group)[:4]))
    assert engine.calls == 1 + 1 + 5, "one tree, one first turn beside it, and five second turns"
    assert not engine._slots
    plain = play(engine, renderer, lookahead=0)
    assert LOOKAHEAD not in plain.notes
    assert firsts(plain)[4] == firsts(group)[4]


def test_every_turn_has_the_logprobs_of_the_policy(engine: Failing, renderer: Renderer) -> None:
    group = play(engine, renderer)
    for path in group.rollouts():
        context: list[int] = []
        for i in path:
            turn = group.turns[i]
            context += turn.prompt_ids
            expected = plain_logprobs(engine.model, context, list(turn.action_ids), 1.0)
            assert turn.logprobs == pytest.approx(expected, abs=1e-6)
            context += turn.action_ids


def test_fewer_places_than_rollouts(engine: Failing, renderer: Renderer) -> None:
    assert content(play(engine, renderer, limits={"concurrency": 1})) == content(play(engine, renderer))


def test_a_failed_tree_is_grown_again(engine: Failing, renderer: Renderer) -> None:
    whole = play(engine, renderer)
    engine.trees, engine.fails_tree = 0, lambda tree: InfraError("the server is gone") if tree == 1 else None
    group = play(engine, renderer)
    assert engine.trees == 2
    assert firsts(group) == firsts(whole)
    assert len(group.rollouts(with_infra_errors=True)) == 5 + 4, "all that waited for it were told"
    assert not engine._slots


def test_a_rollout_that_fails_keeps_its_leaf(engine: Failing, renderer: Renderer) -> None:
    whole = play(engine, renderer)
    Echo.broken, engine.calls = 3, 0
    group = play(engine, renderer)
    assert firsts(group) == firsts(whole)
    assert group.notes == whole.notes
    assert len(group.rollouts(with_infra_errors=True)) == 5 + 3


class KilledError(Exception):
    """Ends everything at once, as a signal does."""


@pytest.mark.parametrize("calls", range(1, 8))
def test_a_killed_group_ends_as_if_it_had_not_been(
    engine: Failing, renderer: Renderer, tmp_path: Path, calls: int
) -> None:
    whole = play(engine, renderer)
    engine.calls, engine.fails = 0, lambda call: KilledError() if call > calls else None
    if calls < 7:
        with pytest.raises(KilledError):
            play(engine, renderer, Journal(tmp_path))
    else:
        play(engine, renderer, Journal(tmp_path))
    engine.calls, engine.fails = 0, lambda call: None
    resumed = play(engine, renderer, Journal(tmp_path))
    assert content(resumed) == content(whole)
    assert resumed.notes == whole.notes
    assert not engine._slots


def test_a_task_that_begins_differently_each_time_has_no_tree(engine: Failing, renderer: Renderer) -> None:
    class Fickle(Echo):
        begun = 0

        def begin(self, task_id: str) -> Result:
            type(self).begun += 1
            return Result(f"Speak, for the {super().begin(task_id) and type(self).begun}th time.")

    agent = LLMAgent(engine, renderer, SamplingParams(max_tokens=12))
    loop = AgentLoop(lambda env_id: Episode(Fickle()), agent, Limits(retries=0, failure_rate=1.0), lookahead=OPTIONS)
    (group,) = asyncio.run(loop.collect([RolloutSpec(Task("Echo-v0", "0"), 4, 7, lookahead=4)]))
    assert len(group.rollouts()) == 1
    assert "no tree can be theirs" in group.turns[-1].outcome.reason
