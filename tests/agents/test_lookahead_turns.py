"""Trees of turns: decisions by hand, and trees in real environments whose every leaf can be played again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task
from tests.conftest import require

require("transformers")
require("rapidfuzz")

from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.agents.episode import state_hash
from agentrl.agents.lookahead.options import TurnOptions
from agentrl.agents.lookahead.turn_tree import Line, Tried, TurnTree
from agentrl.agents.loop import LOOKAHEAD, AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.render import Renderer
from tests.fixtures.families import family_tokenizer

LIMITS: dict[str, Any] = {"turns": 6, "concurrency": 8}


def went(*shown: str, over: bool = False) -> list[Tried]:
    return [Tried(s, over) for s in shown]


def numbers(lines: Sequence[Line]) -> list[int]:
    return [line.number for line in lines]


def test_births_and_prunes_by_hand() -> None:
    """k = 4, at most 3 actions, lookahead 1."""
    tree = TurnTree(4, TurnOptions(actions=3))
    assert tree.draws() == [3]
    assert tree.choose(["go", "look", "go"]) == [0, 1]
    assert tree.merged == 1
    assert [numbers(o) for o in tree.step([went("a hall", "a list")])] == [[0, 1]]
    # Two rows, two places free: dealt out one by one.
    assert tree.draws() == [2, 2]
    # 2 shows what its parent 0 shows; 3 shows what 2 does, which came from elsewhere, and stays.
    tree.step([went("nothing", "nothing"), went("a door", "nothing")])
    assert [line.fate for line in tree.lines] == ["live", "live", "pruned", "live"]
    assert tree.draws() == [2, 1, 1]
    # Of two branches that show the same the older one stays; what ended counts like what did not.
    tree.step([went("x", "y"), went("end", over=True), went("z")])
    assert [line.fate for line in tree.lines] == ["live", "over", "pruned", "live", "live"]
    assert tree.draws() == [1, 1, 1]
    assert numbers(tree.rows) == [0, 1, 3, 4]


def test_siblings_are_compared_and_two_turns_are_waited_for() -> None:
    tree = TurnTree(4, TurnOptions(actions=4, lookahead=2))
    tree.step([went("a", "b", "b", "a")])
    assert all(line.fate == "live" for line in tree.lines)
    tree.step([went("c"), went("d"), went("d"), went("e")])
    assert [line.fate for line in tree.lines] == ["live", "live", "pruned", "live"]


def test_descendants_go_with_their_parents_turns() -> None:
    tree = TurnTree(4, TurnOptions(actions=2, lookahead=2))
    tree.step([went("a", "b")])
    tree.step([went("same"), went("same", "other")])
    assert [line.fate for line in tree.lines] == ["live", "pruned", "pruned"]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 30), width=st.integers(2, 8), actions=st.integers(2, 5), ahead=st.sampled_from([1, 2]))
def test_every_turn_tree(seed: int, width: int, actions: int, ahead: Any) -> None:
    rng = random.Random(seed)
    tree = TurnTree(width, TurnOptions(actions=actions, lookahead=ahead))
    drawn = 0
    for _ in range(12):
        if not tree.live:
            break
        draws = tree.draws()
        assert all(1 <= d <= actions for d in draws)
        assert sum(draws) + len(tree.rows) - len(tree.live) <= width
        drawn += sum(draws)
        chosen = [tree.choose([str(rng.randrange(3)) for _ in range(d)]) for d in draws]
        tree.step([[Tried(rng.randrange(4), rng.random() < 0.15) for _ in picks] for picks in chosen])
        assert 1 <= len(tree.rows) <= width
    assert drawn <= width * 12
    for line in tree.lines:
        if line.parent is not None:
            assert line.shown[: line.born] == line.parent.shown[: line.born]
            assert line.fate == "pruned" or line.parent.fate != "pruned"


# -- in environments -------------------------------------------------------------------------------------------------


class Chooser:
    """An engine that says one of a few commands, by the seed; it knows which sessions there are."""

    version = 3
    max_context = 4000

    def __init__(self, renderer: Renderer, commands: Sequence[str], failing: Sequence[int] = ()) -> None:
        self.renderer, self.commands, self.failing = renderer, commands, failing
        self.contexts: dict[str, list[int]] = {}
        self.calls = 0
        self.tokens = 0
        self.forks: list[tuple[str, str]] = []

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.calls += 1
        if self.calls in self.failing:
            raise InfraError("the server is gone")
        await asyncio.sleep(0)
        before = self.contexts.get(session, [])
        assert list(prompt_ids[: len(before)]) == before
        assert params.seed is not None
        ids = self.renderer.action(random.Random(params.seed).choice(self.commands))
        self.tokens += len(ids)
        self.contexts[session] = [*prompt_ids, *ids]
        return Completion(tuple(ids), (-0.5,) * len(ids), (self.version,) * len(ids), "stop")

    def fork(self, session: str, twin: str) -> None:
        self.forks.append((session, twin))
        self.contexts[twin] = list(self.contexts[session])

    def release(self, session: str) -> None:
        self.contexts.pop(session, None)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(family_tokenizer("chatml"), "Play.")


class Rooms(TextEnv):
    """A walk on a line from 0; the third room to the right is the goal. Waiting, in whatever words, does nothing."""

    closed = 0

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["0"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("Room 0.")

    def act(self, action: str) -> Result:
        self.state += {"left": -1, "right": 1}.get(action, 0)
        done = self.state == 3
        outcome = Outcome.terminated(success=True) if done else Outcome.running()
        return Result(f"Room {self.state}.", {"outcome": float(done)}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["right"] * (3 - self.state)

    def close(self) -> None:
        type(self).closed += 1


def search(
    engine: Chooser, make: Any = lambda env_id: Episode(Rooms()), task: Task | None = None, **changes: Any
) -> tuple[Group, AgentLoop]:
    options = changes.pop("options", TurnOptions())
    spec = RolloutSpec(task or Task("Rooms-v0", "0"), **{"rollouts": 6, "seed": 5, "lookahead": 6, **changes})
    limits = Limits(**LIMITS, failure_rate=1.0)
    loop = AgentLoop(make, LLMAgent(engine, engine.renderer, SamplingParams(max_tokens=16)), limits, lookahead=options)  # type: ignore[arg-type]
    (group,) = asyncio.run(loop.collect([spec]))
    return group, loop


def replayed(group: Group, env: Episode) -> None:
    """Every leaf, in a fresh environment, shows what it showed; and its contexts are those of one conversation."""
    for path in group.rollouts():
        observation, _ = env.reset(seed=group.task.seed, options={"task": group.task.task_id})
        length = 0
        for i in path:
            turn = group.turns[i]
            assert turn.observation == observation
            length += len(turn.prompt_ids)
            assert turn.cost["prompt_tokens"] == length
            length += len(turn.action_ids)
            observation, _, _, _, info = env.step(turn.action)
            assert (turn.feedback, turn.state_hash) == (observation, state_hash(observation, info))
        assert group.turns[path[-1]].outcome.done


def test_a_tree_of_turns(renderer: Renderer) -> None:
    engine = Chooser(renderer, ["left", "right", "wait", "rest"])
    group, loop = search(engine, seed=9)
    record = group.notes[LOOKAHEAD]
    assert 2 <= len(group.rollouts()) <= 6
    assert record["pruned"] > 0  # waiting and resting
    assert record["merged"] > 0
    replayed(group, Episode(Rooms()))
    paths = group.rollouts()
    assert len(group.turns) < sum(map(len, paths))  # they share what they have in common
    assert len({tuple(group.turns[i].action for i in path) for path in paths}) == len(paths)
    assert record["tokens"] == engine.tokens
    assert record["returned"] == sum(len(group.turns[i].action_ids) for path in paths for i in path)
    assert record["wasted"] == engine.tokens - sum(len(t.action_ids) for t in group.turns)
    assert not engine.contexts
    assert engine.forks
    assert (loop.attempts, loop.failures, loop.discarded) == (6, 0, 0)
    again, _ = search(Chooser(renderer, engine.commands), seed=9)
    assert [t.action for t in again.turns] == [t.action for t in group.turns]


def test_a_tree_beside_plain_rollouts(renderer: Renderer) -> None:
    group, _ = search(Chooser(renderer, ["left", "right"]), lookahead=3)
    assert group.notes[LOOKAHEAD]["width"] == 3
    assert 4 <= len(group.rollouts()) <= 6
    replayed(group, Episode(Rooms()))


def test_a_policy_that_never_wavers_makes_one_rollout(renderer: Renderer) -> None:
    engine = Chooser(renderer, ["right"])
    group, _ = search(engine, options=TurnOptions(actions=2))
    assert [t.action for t in group.turns] == ["right"] * 3
    assert group.notes[LOOKAHEAD]["merged"] == 3
    assert engine.calls == 6


@pytest.mark.parametrize("env_id", ["ALFWorld-v0", "TextWorld-v0", "ToolDesk-v0"])
def test_leaves_of_a_tree_can_be_played_again(renderer: Renderer, env_id: str) -> None:
    if env_id != "ToolDesk-v0":
        require("textworld")
        require("alfworld")
    env = gym.make(env_id)
    assert isinstance(env, Episode)
    task = Task(env_id, env.tasks()[0])
    _, info = env.reset(options={"task": task.task_id})
    commands = [*info.get("admissible_commands", [])[:5], "look", "dance"]
    group, _ = search(Chooser(renderer, commands), lambda env_id: gym.make(env_id), task)
    assert len(group.rollouts()) >= 2
    assert any(len(set(path)) > 1 for path in group.rollouts())
    replayed(group, env)


def test_failures_begin_the_tree_anew(renderer: Renderer) -> None:
    Rooms.closed = 0
    engine = Chooser(renderer, ["left", "right"], failing=[9])
    group, loop = search(engine)
    assert group.rollouts() == group.rollouts(with_infra_errors=True)
    assert (loop.attempts, loop.failures) == (12, 6)
    assert loop.discarded > 0
    assert Rooms.closed > 0
    assert not engine.contexts
    replayed(group, Episode(Rooms()))


def test_failures_without_end_are_outcomes(renderer: Renderer) -> None:
    engine = Chooser(renderer, ["left", "right"], failing=range(1000))
    with pytest.raises(RunStoppedError, match="the server is gone"):
        asyncio.run(
            AgentLoop(
                lambda env_id: Episode(Rooms()),
                LLMAgent(engine, renderer, SamplingParams(max_tokens=16)),  # type: ignore[arg-type]
                Limits(**LIMITS, failure_grace=3),
                lookahead=TurnOptions(),
            ).collect([RolloutSpec(Task("Rooms-v0", "0"), 6, 5, lookahead=6)])
        )
    group, _ = search(Chooser(renderer, ["left"], failing=range(1000)), lookahead=6, rollouts=6)
    assert group.rollouts() == []
    assert [t.outcome.reason for t in group.turns] == ["the server is gone"] * 6


def test_many_trees_share_few_places(renderer: Renderer) -> None:
    engine = Chooser(renderer, ["left", "right"])
    agent = LLMAgent(engine, renderer, SamplingParams(max_tokens=16))  # type: ignore[arg-type]
    loop = AgentLoop(lambda env_id: Episode(Rooms()), agent, Limits(**LIMITS), lookahead=TurnOptions())
    specs = [RolloutSpec(Task("Rooms-v0", "0"), 6, seed, lookahead=4) for seed in range(5)]
    groups = asyncio.run(asyncio.wait_for(loop.collect(specs), 30))
    assert all(len(group.rollouts()) >= 3 for group in groups)
    assert loop._most <= 8


def test_no_monitor_follows_a_tree(renderer: Renderer) -> None:
    agent = LLMAgent(Chooser(renderer, ["x"]), renderer)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="single episodes"):
        AgentLoop(lambda env_id: Episode(Rooms()), agent, monitor=lambda task: None, lookahead=TurnOptions())  # type: ignore[arg-type, return-value]
