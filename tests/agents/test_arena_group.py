"""Groups that are compared at their end: rewards, notes, and what happens when a judge fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentrl.agents.arena.group import ARENA, POINTWISE, TOURNAMENT, Arena, Pointwise, tournament_metrics
from agentrl.agents.arena.record import Tournament
from agentrl.agents.journal import Journal
from agentrl.agents.judges.latent import LatentJudge, quality_of
from agentrl.agents.loop import AfterGroup, AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task, Turn, total
from tests.conftest import require

require("transformers")

from tests.fixtures.families import family_tokenizer

TASK = Task("Words-v0", "a")


class Words(TextEnv):
    """Two turns, each worth the number that is said."""

    channels = ("outcome", "worth")

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["a"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("Say numbers.")

    def act(self, action: str) -> Result:
        self.state += 1
        outcome = Outcome.terminated(success=True) if self.state == 2 else Outcome.running()
        return Result("And?", {"worth": float(action.removeprefix("say "))}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["say 9"] * (2 - self.state)


class Numbers:
    """An engine that says a number drawn with the seed, or 0 where it is greedy."""

    version, max_context = 1, 400

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        self.calls = 0

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.calls += 1
        await asyncio.sleep(0)
        assert params.seed is not None
        number = 0 if params.temperature == 0 else 1 + params.seed * 7 // 3 % 97
        ids = self.renderer.action(f"say {number}")
        return Completion(tuple(ids), (-0.5,) * len(ids), (1,) * len(ids), "stop")

    def release(self, session: str) -> None: ...


class Failing:
    """A judge that knows the worth, until it does not answer: by whom it is asked about, or for so many questions."""

    def __init__(self, *cursed: float, outage: float = 0) -> None:
        self.cursed, self.outage = cursed, outage
        self.asked = 0

    async def scores(self, task: Task, first: Sequence[Turn], second: Sequence[Turn]) -> tuple[float, float]:
        await asyncio.sleep(0)
        self.asked += 1
        a, b = total(first, "worth"), total(second, "worth")
        if self.asked <= self.outage or a in self.cursed or b in self.cursed:
            raise InfraError("no verdict")
        return a, b


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(family_tokenizer("chatml"), "Play.")


def loop_of(renderer: Renderer, after_group: AfterGroup, **limits: Any) -> AgentLoop:
    agent: Any = LLMAgent(Numbers(renderer), renderer, SamplingParams(max_tokens=16))  # type: ignore[arg-type]
    return AgentLoop(lambda env_id: Episode(Words()), agent, Limits(**limits), after_group=after_group)


def play(loop: AgentLoop, spec: RolloutSpec, journal: Path | None = None) -> Group:
    async def one() -> Group:
        log = None if journal is None else Journal(journal).begin(0, spec)
        return await loop.group(spec, loop.places(), log)

    return asyncio.run(one())


def worth(group: Group, path: Sequence[int]) -> float:
    return total([group.turns[i] for i in path], "worth")


def rewards(group: Group, channel: str = ARENA) -> dict[float, float]:
    """By the worth of each rollout that has a reward, which stands on its last turn alone."""
    paths = group.rollouts()
    assert not any(channel in group.turns[i].rewards for path in paths for i in path[:-1])
    return {worth(group, path): group.turns[path[-1]].rewards[channel] for path in paths}


LATENT = LatentJudge(quality_of("worth"))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentrl.agents.loop.PAUSE_S", 0.0)


@pytest.mark.parametrize("topology", ["round_robin", "anchor"])
def test_rollouts_are_rewarded_by_their_quantile(renderer: Renderer, topology: str) -> None:
    group = play(loop_of(renderer, Arena(LATENT, topology)), RolloutSpec(TASK, 5, 11))
    found = rewards(group)
    assert len(found) == 5
    assert [found[w] for w in sorted(found)] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_notes_tell_the_tournament_beside_the_turns(renderer: Renderer) -> None:
    group = play(loop_of(renderer, Arena(LATENT)), RolloutSpec(TASK, 5, 11))
    note = json.loads(json.dumps(group.notes[TOURNAMENT]))
    assert note == group.notes[TOURNAMENT]
    assert (
        Tournament.from_json(note).comparisons
        == note["comparisons"]
        == tournament_metrics([group])["tournament/comparisons"]
    )
    assert [group.turns[leaf].rewards[ARENA] for leaf in note["leaves"]] == note["rewards"]
    assert (note["judge_agreement"], note["position_bias"]) == (1.0, 0.0)
    assert tournament_metrics([Group(TASK)]) == {}


def test_both_orders_are_judged_and_added(renderer: Renderer) -> None:
    biased = LatentJudge(quality_of("worth"), position_bias=500.0)  # more than all worth
    group = play(loop_of(renderer, Arena(biased, "round_robin")), RolloutSpec(TASK, 4, 11))
    found = rewards(group)
    assert [found[w] for w in sorted(found)] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    note = group.notes[TOURNAMENT]
    assert (note["judge_agreement"], note["position_bias"]) == (0.0, 500.0)
    (first, *_) = note["matches"]
    assert sum(first["scores"]) == 1000 + 2 * sum(worth(group, group.rollouts()[i]) for i in first["players"])


def test_the_first_rollout_may_be_greedy(renderer: Renderer) -> None:
    group = play(loop_of(renderer, Arena(LATENT)), RolloutSpec(TASK, 4, 11, greedy_first=True))
    worths = [worth(group, path) for path in group.rollouts()]
    assert worths[0] == 0
    assert min(worths[1:]) > 0
    assert rewards(group)[0] == 0.0


def test_a_resumed_group_gets_the_same_rewards_without_being_played(renderer: Renderer, tmp_path: Path) -> None:
    spec = RolloutSpec(TASK, 4, 11, greedy_first=True)
    noisy = Arena(LatentJudge(quality_of("worth"), noise=60.0, seed=3))
    whole = play(loop_of(renderer, noisy), spec, tmp_path)
    loop = loop_of(renderer, noisy)
    again = play(loop, spec, tmp_path)
    assert (rewards(again), again.notes) == (rewards(whole), whole.notes)
    assert loop.agent.engine.calls == 0  # type: ignore[attr-defined]
    resumed = Journal(tmp_path).begin(0, RolloutSpec(TASK, 1, 0))
    assert resumed.spec == spec


def test_who_cannot_be_compared_ends_in_an_infrastructure_error(renderer: Renderer) -> None:
    spec = RolloutSpec(TASK, 5, 11)
    plain = play(loop_of(renderer, Arena(LATENT)), spec)
    worths = [worth(plain, path) for path in plain.rollouts()]
    loop = loop_of(renderer, Arena(Failing(worths[3]), "round_robin"))
    group = play(loop, spec)
    assert sorted(rewards(group)) == sorted(w for w in worths if w != worths[3])
    (lost,) = [turn for turn in group.turns if turn.outcome.status == "infra_error"]
    assert lost.outcome.reason == "no verdict"
    assert group.turns[lost.parent or 0].outcome.solved
    assert group.notes[TOURNAMENT]["ranks"].count(None) == 1
    assert (loop.attempts, loop.failures) == (5, 1)
    assert tournament_metrics([group])["tournament/unranked"] == 1


def test_an_outage_is_waited_for(renderer: Renderer) -> None:
    judge = Failing(outage=2 * 3)  # two questions for each of three pairs
    loop = loop_of(renderer, Arena(judge, "round_robin"))
    group = play(loop, RolloutSpec(TASK, 3, 11))
    assert len(rewards(group)) == 3
    assert judge.asked == 12
    assert (loop.attempts, loop.failures) == (6, 3)


def test_without_any_verdict_the_group_is_lost_and_in_the_end_the_run_stops(renderer: Renderer) -> None:
    loop = loop_of(renderer, Arena(Failing(outage=1e9)), retries=1)
    group = play(loop, RolloutSpec(TASK, 3, 11))
    assert group.rollouts() == []
    assert len(group.rollouts(with_infra_errors=True)) == 3
    assert (loop.attempts, loop.failures) == (6, 6)
    with pytest.raises(RunStoppedError, match="no two rollouts of task a could be compared: no verdict"):
        asyncio.run(loop.collect([RolloutSpec(TASK, 3, 11)] * 20))


def test_a_mistake_of_the_configuration_ends_the_run(renderer: Renderer) -> None:
    async def wrong(group: Group, seed: int) -> dict[int, str]:
        raise ConfigError("wrong key")

    with pytest.raises(ConfigError, match="wrong key"):
        asyncio.run(loop_of(renderer, wrong).collect([RolloutSpec(TASK, 3, 11)]))


def test_a_single_rollout_is_not_compared(renderer: Renderer) -> None:
    group = play(loop_of(renderer, Arena(LATENT)), RolloutSpec(TASK, 1, 11))
    assert list(group.channels()) == ["worth"]
    assert group.notes == {}


def test_pointwise_scores_compress_the_quality_and_not_the_noise(renderer: Renderer) -> None:
    spec = RolloutSpec(TASK, 40, 11)
    exact = rewards(
        play(loop_of(renderer, Pointwise(LatentJudge(quality_of("worth"), compression=0.1))), spec), POINTWISE
    )
    assert all(score == pytest.approx(0.1 * w) for w, score in exact.items())
    noisy_judge = LatentJudge(quality_of("worth"), noise=3.0, compression=0.1)
    noisy = rewards(play(loop_of(renderer, Pointwise(noisy_judge)), spec), POINTWISE)
    errors = [noisy[w] - exact[w] for w in noisy]
    spread = (sum(e * e for e in errors) / len(errors)) ** 0.5
    assert 2.0 < spread < 4.5


def test_the_errors_of_a_latent_judge_belong_to_pair_and_seed() -> None:
    def played(*words: str) -> list[Turn]:
        return [Turn(None, (), (), (), (), "", w, {"worth": 1.0}, Outcome.running()) for w in words]

    def ask(judge: LatentJudge, *pair: list[Turn]) -> tuple[float, float]:
        return asyncio.run(judge.scores(TASK, *pair))

    judge = LatentJudge(quality_of("worth"), noise=1.0, seed=1)
    a, b = played("x"), played("y")
    assert ask(judge, a, b) == ask(judge, a, b)
    assert ask(judge, a, b) != ask(judge, b, a)[::-1]
    assert ask(judge, a, b) != ask(LatentJudge(quality_of("worth"), noise=1.0, seed=2), a, b)
    pairs = [ask(judge, played(str(i)), played(str(i), "z")) for i in range(400)]
    first, second = zip(*pairs, strict=True)
    for scores, mean in ((first, 1.0), (second, 2.0)):
        assert sum(scores) / 400 == pytest.approx(mean, abs=0.15)
        assert sum((s - mean) ** 2 for s in scores) / 400 == pytest.approx(1.0, abs=0.25)


def length(task: Task, turns: Sequence[Turn]) -> int:
    return sum(len(turn.action) for turn in turns)


def test_quality_may_be_a_function() -> None:
    turns = [Turn(None, (), (), (), (), "", "abc", {}, Outcome.running())]
    assert quality_of(f"{__name__}:length")(TASK, turns) == 3.0
    for wrong in ("no.such.module:f", f"{__name__}:none", f"{__name__}:TASK"):
        with pytest.raises(ConfigError, match=wrong):
            quality_of(wrong)
