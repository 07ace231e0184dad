"""Which tokens of an answer are scored, which turns are rewarded for it, and what happens when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentrl.agents.engine import Scores
from agentrl.agents.episode import Limits, LLMAgent
from agentrl.agents.information_gain import GAIN, PAPER_FORM, InformationGain
from agentrl.agents.journal import Journal
from agentrl.agents.loop import AfterRollout, AgentLoop, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import ConfigError, InfraError
from agentrl.records import turn_to_json
from agentrl.types import Completion, Group, Outcome, SamplingParams, Task, Turn
from tests.conftest import require

require("transformers")

from transformers.convert_slow_tokenizer import bytes_to_unicode

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.trainers.scratch import train_tokenizer
from tests.agents.models import make
from tests.fixtures.families import CONTROL, family_tokenizer

FORM = "answer[{answer}]"
ANSWERS = ["Paris", " Paris", "Paris ", "a, b.", "]", "[x]", "é日本", "\n", "1994", "<|im_end|>", "{answer}", "l'Été 3"]
nasty = st.one_of(st.sampled_from(ANSWERS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
forms = st.sampled_from([FORM, PAPER_FORM, "{answer}", "The answer is {answer}", "{answer}!", "[{answer}"])


# -- which tokens are the answer's -------------------------------------------------------------------------------------


def merging_renderer() -> Renderer:
    """Its tokens cross the borders of answers: `[Par`, for one."""
    texts = [f"answer[{name}]" for name in ("Paris", "Parma", " Paris", "a, b.", "1994") for _ in range(30)]
    return Renderer(train_tokenizer([*texts, "room 1"], 400))  # without a numbered name, no token crosses a word's end


RENDERERS = {"merging": merging_renderer()} | {name: Renderer(family_tokenizer(name)) for name in CONTROL}
BYTES = {char: byte for byte, char in bytes_to_unicode().items()}


def bytes_of(renderer: Renderer, ids: Sequence[int]) -> bytes:
    """What byte-level tokens stand for, whole characters or not."""
    return bytes(BYTES[char] for token in renderer._tokenizer.convert_ids_to_tokens(ids) for char in token)


@pytest.mark.parametrize("name", RENDERERS)
@settings(max_examples=50, deadline=None)
@given(nasty, forms)
@example("<|im_end|>", FORM)
def test_the_span_is_what_the_answer_touches(name: str, answer: str, form: str) -> None:
    """Against the bytes of each token: the first and last of the span have a part of the answer, their neighbours
    none."""
    renderer = RENDERERS[name]
    before, _, after = form.partition("{answer}")
    ids, span = renderer.action_around(before, answer, after)
    plain = answer
    for control in map(str, renderer._tokenizer.added_tokens_decoder.values()):
        plain = plain.replace(control, f"{control[0]} {control[1:]}")
    if not plain:
        assert not span
        return
    ends = [len(bytes_of(renderer, ids[: i + 1])) for i in range(len(ids))]
    begins = [0, *ends[:-1]]
    assert bytes_of(renderer, ids).decode() == f"{before}{plain}{after}"
    first, last = len(before.encode()), len(f"{before}{plain}".encode())
    assert list(span) == [i for i in range(len(ids)) if begins[i] < last and ends[i] > first]


def test_a_token_that_crosses_the_border_is_part_of_the_answer() -> None:
    """Lengths of prefixes would say that the answer begins behind `answer[`, which is no token of the whole."""
    renderer = RENDERERS["merging"]
    ids, span = renderer.action_around("answer[", "Paris", "]")
    assert (ids, span) == (renderer.action("answer[Paris]")[:-1], range(1))
    assert len(renderer.action("answer[")[:-1]) >= len(ids)


# -- which turns get what ----------------------------------------------------------------------------------------------

TURNS = 4


class Asking(TextEnv):
    """Shows what was said; the answer to the question counts when it is given, and so does giving up."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["a"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("What is the capital?")

    def act(self, action: str) -> Result:
        self.state += 1
        outcome = Outcome.terminated(success=True) if self.state == TURNS else Outcome.running()
        return Result(f"{self.state}: {action}", {"outcome": float(self.state == TURNS)}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["x"] * TURNS


class Believing:
    """An engine that always says the same, with beliefs as they are given: one score for each prefix."""

    def __init__(self, beliefs: Sequence[float], max_context: int = 4000, fails: int = 0) -> None:
        self.renderer, self.max_context, self.version = RENDERERS["chatml"], max_context, 3
        self.beliefs, self.fails = beliefs, fails
        self.scored: list[tuple[list[int], list[int], list[int]]] = []
        self.sessions: set[str] = set()

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.sessions.add(session)
        await asyncio.sleep(0)
        ids = self.renderer.action("look")
        return Completion(tuple(ids), (-0.5,) * len(ids), (self.version,) * len(ids), "stop")

    async def score_many(
        self, context_ids: Sequence[int], cuts: Sequence[int], target_ids: Sequence[int], session: str
    ) -> Scores:
        self.scored.append((list(context_ids), list(cuts), list(target_ids)))
        if len(self.scored) <= self.fails:
            raise InfraError("the server is gone")
        # The wrapper's tokens get another score, which must not count.
        answer = len(self.renderer.action("Paris")) - 1
        rows = [(-99.0,) * (len(target_ids) - answer) + (b,) * answer for b in self.beliefs[: len(cuts)]]
        return Scores(tuple(rows), 7)

    def release(self, session: str) -> None:
        self.sessions.discard(session)


TASK = Task("Asking-v0", "a", reference={"answer": "Paris"})
SPEC = RolloutSpec(TASK, 1, 5)


def loop_of(engine: Any, gain: AfterRollout | None, **limits: Any) -> AgentLoop:
    agent = LLMAgent(engine, engine.renderer, SamplingParams(max_tokens=16))
    return AgentLoop(lambda env_id: Episode(Asking()), agent, Limits(**limits), after_rollout=gain)


def play(loop: AgentLoop, journal: Journal | None = None, spec: RolloutSpec = SPEC) -> Group:
    async def run() -> Group:
        return await loop.group(spec, loop.places(), journal.begin(0, spec) if journal else None)

    return asyncio.run(run())


def gains(turns: Sequence[Turn]) -> list[float | None]:
    return [turn.rewards.get(GAIN) for turn in turns]


def test_each_turn_but_the_last_has_its_gain() -> None:
    engine = Believing([-3.0, -1.0, -1.5, -0.25])
    (turns,) = [play(loop_of(engine, InformationGain(FORM))).turns]
    assert gains(turns) == [2.0, -0.5, 1.25, None]
    assert [turn.scored_version for turn in turns] == [7, 7, 7, None]
    assert [turn.rewards["outcome"] for turn in turns] == [0, 0, 0, 1.0]
    ((context, cuts, target),) = engine.scored
    assert [context[:cut] for cut in cuts] == contexts(turns)
    assert target == engine.renderer.action("answer[Paris")[:-1], "nothing is scored beyond the answer"
    assert not engine.sessions, "released after it was scored"


def contexts(turns: Sequence[Turn]) -> list[list[int]]:
    """What the policy saw before each of its actions."""
    seen, context = [], list[int]()
    for turn in turns:
        context += turn.prompt_ids
        seen.append(list(context))
        context += turn.action_ids
    return seen


def test_gains_may_be_differences_of_probabilities() -> None:
    beliefs = [math.log(p) for p in (0.125, 0.5, 0.25, 1.0)]
    turns = play(loop_of(Believing(beliefs), InformationGain(FORM, "probability"))).turns
    assert gains(turns)[:3] == pytest.approx([0.375, -0.25, 0.75])


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
def test_a_belief_that_is_not_finite_leaves_its_turns_without_a_gain(strange: float) -> None:
    turns = play(loop_of(Believing([-3.0, strange, -1.0, -0.5]), InformationGain(FORM))).turns
    assert gains(turns) == [None, None, 0.5, None]
    assert [turn.scored_version for turn in turns] == [None, None, 7, None]


@pytest.mark.parametrize(("limits", "reference"), [({"turns": 1}, "Paris"), ({}, "")], ids=["one turn", "no answer"])
def test_where_there_is_nothing_to_gain_nothing_is_scored(limits: dict[str, int], reference: str) -> None:
    engine = Believing([])
    task = Task("Asking-v0", "a", reference={"answer": reference})
    turns = play(loop_of(engine, InformationGain(FORM), **limits), spec=RolloutSpec(task, 1, 5)).turns
    assert gains(turns) == [None] * len(turns)
    assert engine.scored == []


def test_truncated_episodes_have_gains_but_on_their_last_turn() -> None:
    turns = play(loop_of(Believing([-3.0, -1.0]), InformationGain(FORM), turns=2)).turns
    assert turns[-1].outcome.status == "truncated"
    assert gains(turns) == [2.0, None]


def test_turns_after_which_the_answer_does_not_fit_have_no_gain() -> None:
    whole = play(loop_of(Believing([-1.0] * 4), None)).turns
    target = len(RENDERERS["chatml"].action("answer[Paris")) - 1
    engine = Believing([-3.0, -1.0, -2.0], max_context=len(contexts(whole)[-1]) + max(16, target))
    answer = "Paris" * 9
    task = Task("Asking-v0", "a", reference={"answer": answer})
    turns = play(loop_of(engine, InformationGain(FORM)), spec=RolloutSpec(task, 1, 5)).turns
    ((_, cuts, scored),) = engine.scored
    assert 1 < len(cuts) < 4
    assert max(cuts) + len(scored) < engine.max_context <= len(contexts(turns)[len(cuts)]) + len(scored)
    assert [gain is not None for gain in gains(turns)] == [i < len(cuts) - 1 for i in range(4)]


@pytest.mark.parametrize("reference", [{}, {"entities": ["Paris"]}, {"answer": ["Paris"]}])
def test_a_task_without_an_answer_is_named(reference: dict[str, Any]) -> None:
    spec = RolloutSpec(Task("Asking-v0", "a", reference=reference), 1, 5)
    with pytest.raises(ConfigError, match="reference answer of task a of Asking-v0"):
        play(loop_of(Believing([]), InformationGain(FORM)), spec=spec)


@pytest.mark.parametrize("form", ["answer", "{answer} {answer}", "answer[{}]"])
def test_a_form_has_one_place_for_the_answer(form: str) -> None:
    with pytest.raises(ConfigError, match="the form of an answer"):
        InformationGain(form)


@pytest.mark.parametrize("kind", ["qwen3", "lfm2"])
@pytest.mark.parametrize("form", [FORM, PAPER_FORM])
def test_beliefs_are_those_of_the_policy_that_played(kind: str, form: str) -> None:
    """Through a real engine, many episodes at once, against one plain score for each context."""
    renderer = RENDERERS["merging"]
    model = make(kind, vocabulary=400)
    engine = EmbeddedEngine(model)
    loop = AgentLoop(
        lambda env_id: Episode(Asking()),
        LLMAgent(engine, renderer, SamplingParams(max_tokens=8)),
        Limits(concurrency=3),
        after_rollout=InformationGain(form),
    )
    task = Task("Asking-v0", "a", reference={"answer": "Parma 7"})
    group = play(loop, spec=RolloutSpec(task, 6, 1))
    ids, span = renderer.action_around(*form.replace("{answer}", "\0Parma 7\0").split("\0"))
    target = ids[: span.stop]
    for path in group.rollouts():
        turns = [group.turns[i] for i in path]
        beliefs = []
        for context in contexts(turns):
            scores = asyncio.run(engine.score(context, target))[span.start :]
            beliefs.append(sum(scores) / len(scores))
        wanted = [b - a for a, b in itertools.pairwise(beliefs)]
        assert gains(turns) == [*(pytest.approx(w, abs=1e-5) for w in wanted), None]
        assert len(set(wanted)) == len(wanted), "something was learned"


# -- failures and kills ------------------------------------------------------------------------------------------------


def test_scoring_that_fails_is_tried_again_and_nothing_is_played_twice() -> None:
    engine = Believing([-3.0, -1.0, -1.5, -0.25], fails=2)
    loop = loop_of(engine, InformationGain(FORM), failure_rate=1.0)
    group = play(loop)
    assert (len(engine.scored), loop.attempts, loop.failures) == (3, 3, 2)
    assert len(group.turns) == TURNS
    assert gains(group.turns) == [2.0, -0.5, 1.25, None]


def test_a_rollout_that_cannot_be_scored_takes_part_in_nothing() -> None:
    engine = Believing([], fails=9)
    group = play(loop_of(engine, InformationGain(FORM), failure_rate=1.0))
    assert len(engine.scored) == 3
    assert group.rollouts() == []
    assert [turn.outcome.status for turn in group.turns] == ["running"] * 3 + ["terminated", "infra_error"]


def test_an_engine_that_hangs_is_an_infrastructure_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Believing([])

    async def hang(*_: Any) -> Scores:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(engine, "score_many", hang)
    group = play(loop_of(engine, InformationGain(FORM), turn_seconds=0.05, retries=0, failure_rate=1.0))
    assert group.turns[-1].outcome.reason == "no answer within 0.05 s"


class KilledError(Exception):
    """Ends everything at once, as a signal does."""


@pytest.mark.parametrize("after", range(4))
def test_a_killed_run_neither_loses_nor_doubles_gains(after: int, tmp_path: Path) -> None:
    """Three rollouts; the process dies when so many have been scored. What was scored is not scored again."""
    spec = RolloutSpec(TASK, 3, 5)
    first = Believing([-3.0, -1.0, -1.5, -0.25])
    gain = InformationGain(FORM)

    async def until(agent: LLMAgent, task: Task, turns: Sequence[Turn], session: str) -> None:
        if len(first.scored) == after:
            raise KilledError
        await gain(agent, task, turns, session)

    with pytest.raises(KilledError) if after < 3 else contextlib.nullcontext():
        play(loop_of(first, until, concurrency=1), Journal(tmp_path), spec)
    second = Believing([-2.0, -1.0, -1.0, -1.0])
    group = play(loop_of(second, gain), Journal(tmp_path), spec)
    assert len(second.scored) == 3 - after
    found = [gains([group.turns[i] for i in path]) for path in group.rollouts()]
    assert found == [[2.0, -0.5, 1.25, None]] * after + [[1.0, 0.0, 0.0, None]] * (3 - after)
    assert [turn.scored_version for turn in group.turns] == [7, 7, 7, None] * 3
    again = Believing([])
    resumed = play(loop_of(again, gain), Journal(tmp_path), spec)
    assert [turn_to_json(turn) for turn in resumed.turns] == [turn_to_json(turn) for turn in group.turns]
    assert again.scored == []
