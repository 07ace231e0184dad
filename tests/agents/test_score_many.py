"""Scores of one target after many prefixes: those of a plain forward pass for each, at a fraction of the cost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.errors import ConfigError, InfraError
from agentrl.types import SamplingParams
from tests.agents.models import VOCAB, each_kind, make, plain_logprobs, run

token = st.integers(0, VOCAB - 1)
pieces = st.lists(st.lists(token, min_size=1, max_size=12), min_size=1, max_size=6)
targets = st.lists(token, min_size=1, max_size=6)
trajectory = st.tuples(pieces, targets)
MODELS = {kind: make(kind) for kind in ("qwen3", "lfm2", "llama", "gpt2")}
LONG = list(range(30)) * 4


def expected(model: PreTrainedModel, context: Sequence[int], cuts: Sequence[int], target: list[int]) -> list[float]:
    """One plain forward pass for each prefix."""
    return [x for cut in cuts for x in plain_logprobs(model, list(context[:cut]), target, 1.0)]


def flat(logprobs: Sequence[Sequence[float]]) -> list[float]:
    return [x for row in logprobs for x in row]


async def played(
    engine: EmbeddedEngine, name: str, texts: Sequence[Sequence[int]], tokens: int = 3
) -> tuple[list[int], list[int]]:
    """An episode in which the policy acts after each text; its context, and where the actions begin."""
    context, cuts = list[int](), list[int]()
    for seed, text in enumerate(texts):
        context += text
        cuts.append(len(context))
        action = await engine.generate(context, SamplingParams(max_tokens=tokens, seed=seed), name)
        context += action.token_ids
    return context, cuts


@each_kind
@settings(max_examples=15, deadline=None)
@given(st.lists(trajectory, min_size=1, max_size=4))
def test_scores_are_those_of_each_prefix_alone(
    kind: str, trajectories: list[tuple[list[list[int]], list[int]]]
) -> None:
    """Of several trajectories at a time, after they were played, and of contexts that nobody has seen."""
    model = MODELS[kind]

    async def one(engine: EmbeddedEngine, name: str, texts: list[list[int]], target: list[int]) -> None:
        context, cuts = await played(engine, name, texts)
        wanted = pytest.approx(expected(model, context, cuts, target), abs=1e-5)
        cached = await engine.score_many(context, cuts, target, name)
        fresh = await engine.score_many(context, cuts, target, f"another {name}")
        assert flat(cached.logprobs) == wanted
        assert flat(fresh.logprobs) == wanted
        assert cached.version == 0

    async def main() -> None:
        engine = EmbeddedEngine(model)
        await asyncio.gather(*(one(engine, str(i), *t) for i, t in enumerate(trajectories)))

    run(main())


@each_kind
def test_after_an_episode_nothing_is_fed_but_the_targets(kind: str) -> None:
    fed: list[int] = []
    model = make(kind)
    model.get_input_embeddings().register_forward_hook(lambda _, args, __: fed.append(args[0].numel()))
    pads = 2 if kind == "lfm2" else 0

    async def main() -> None:
        engine = EmbeddedEngine(model)
        context, cuts = await played(engine, "a", [LONG, [1, 2], [3]])
        fed.clear()
        for _ in range(2):
            await engine.score_many(context, cuts, [5, 6, 7, 8], "a")
            assert fed == [3 * (4 + pads)]
            fed.clear()
        await engine.score_many(context, cuts, [5, 6, 7, 8], "fresh")
        assert fed == [cuts[-1], 3 * (4 + pads)], "the context once, for all prefixes"

    run(main())


@each_kind
def test_a_session_goes_on_as_if_it_had_not_been_scored(kind: str) -> None:
    model = MODELS[kind]

    async def main() -> None:
        engine = EmbeddedEngine(model)
        context, cuts = await played(engine, "a", [[1, 2, 3], [4, 5]])
        await engine.score_many(context, cuts, [9] * 7, "a")
        again, more = await played(engine, "a", [[*context, 6, 7], [8]])
        plain = expected(model, again, more, [1])
        assert flat((await engine.score_many(again, more, [1], "a")).logprobs) == pytest.approx(plain, abs=1e-5)
        greedy = SamplingParams(temperature=0.0, max_tokens=5)
        fresh = await EmbeddedEngine(model).generate([*again, 3], greedy, "b")
        assert (await engine.generate([*again, 3], greedy, "a")).token_ids == fresh.token_ids

    run(main())


@pytest.mark.parametrize("kind", ["qwen3", "lfm2"])
def test_forks_and_moved_slots_can_be_scored(kind: str) -> None:
    model = MODELS[kind]

    async def main() -> None:
        engine = EmbeddedEngine(model)
        await played(engine, "first", [[1, 2]])
        context, cuts = await played(engine, "a", [LONG, [4, 5]])
        engine.fork("a", "twin")
        engine.release("first")
        for name in ("a", "twin"):
            scores = await engine.score_many(context, cuts, [7, 8], name)
            assert flat(scores.logprobs) == pytest.approx(expected(model, context, cuts, [7, 8]), abs=1e-5)

    run(main())


@each_kind
def test_another_text_than_the_sessions_is_noticed(kind: str) -> None:
    model = MODELS[kind]

    async def main() -> None:
        engine = EmbeddedEngine(model)
        context, cuts = await played(engine, "a", [LONG, [4, 5]])
        changed = [*context[:60], 59, *context[61:]]
        scores = await engine.score_many(changed, cuts, [7, 8], "a")
        assert flat(scores.logprobs) == pytest.approx(expected(model, changed, cuts, [7, 8]), abs=1e-5)

    run(main())


@each_kind
@pytest.mark.parametrize(("tokens", "logits"), [(16, 1 << 26), (4096, 20 * VOCAB), (1, 1)])
def test_memory_is_bounded(kind: str, tokens: int, logits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sessions", "copies"):
        monkeypatch.setattr(f"agentrl.agents.{module}.MAX_PASS_TOKENS", tokens)
    monkeypatch.setattr("agentrl.agents.copies.MAX_LOGITS", logits)
    model, rows = make(kind), []
    model.get_output_embeddings().register_forward_hook(lambda _, args, __: rows.append(args[0].numel() // 32))

    async def main() -> None:
        engine = EmbeddedEngine(model)
        contexts = [await played(engine, str(i), [LONG[: 20 * i + 5], [4, 5], [3], [9] * 9]) for i in range(3)]
        rows.clear()
        scores = await asyncio.gather(
            *(engine.score_many(c, cuts, [7, 8], str(i)) for i, (c, cuts) in enumerate(contexts))
        )
        assert max(rows) <= max(2, min(tokens, logits // VOCAB))
        for (context, cuts), found in zip(contexts, scores, strict=True):
            assert flat(found.logprobs) == pytest.approx(expected(model, context, cuts, [7, 8]), abs=1e-5)

    run(main())


@each_kind
def test_all_scores_are_of_one_version(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """New weights come when some of the prefixes have been scored."""
    monkeypatch.setattr("agentrl.agents.copies.MAX_PASS_TOKENS", 1)
    model, other = make(kind), make(kind)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(0.7)

    async def main() -> None:
        engine = EmbeddedEngine(model)
        context, cuts = await played(engine, "a", [LONG, [4, 5], [3]])
        scoring = asyncio.create_task(engine.score_many(context, cuts, [7, 8], "a"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not scoring.done()
        await engine.publish(other.state_dict(), 5)
        scores = await scoring
        assert scores.version == 5
        assert flat(scores.logprobs) == pytest.approx(expected(other, context, cuts, [7, 8]), abs=1e-5)

    run(main())


@pytest.mark.parametrize("kind", ["qwen3", "lfm2"])
def test_others_play_on_meanwhile(kind: str) -> None:
    model = MODELS[kind]

    async def main() -> None:
        engine = EmbeddedEngine(model)
        alone = [await played(engine, f"alone {i}", [LONG[i : i + 9], [i]], tokens=9) for i in range(4)]
        for i in range(4):
            engine.release(f"alone {i}")
        context, cuts = await played(engine, "a", [LONG, [4, 5], [3]])

        async def score() -> None:
            for _ in range(5):
                scores = await engine.score_many(context, cuts, [7, 8], "a")
                assert flat(scores.logprobs) == pytest.approx(expected(model, context, cuts, [7, 8]), abs=1e-5)

        playing = [played(engine, str(i), [LONG[i : i + 9], [i]], tokens=9) for i in range(4)]
        *together, _ = await asyncio.gather(*playing, score())
        assert together == alone
        stats = engine.stats()
        assert 0 < stats.scoring_s < stats.busy_s

    run(main())


def test_what_does_not_fit_is_refused() -> None:
    async def main() -> None:
        engine = EmbeddedEngine(MODELS["qwen3"], max_context=20)
        with pytest.raises(ConfigError, match="context of 20"):
            await engine.score_many([1] * 20, [3, 17], [1] * 4, "a")
        with pytest.raises(ConfigError, match="at least one token"):
            await engine.score_many([1] * 20, [0, 3], [1], "a")
        with pytest.raises(ConfigError, match="at least one token"):
            await engine.score_many([1] * 20, [3], [], "a")
        assert (await engine.score_many([1] * 20, [], [1], "a")).logprobs == ()
        assert len((await engine.score_many([1] * 20, [3, 16], [1] * 4, "a")).logprobs) == 2

    run(main())


def test_a_session_does_one_thing_at_a_time() -> None:
    async def main() -> None:
        engine = EmbeddedEngine(MODELS["lfm2"])
        calls = {
            "generate": lambda: engine.generate([1, 2], SamplingParams(max_tokens=3), "a"),
            "score": lambda: engine.score_many([1, 2], [2], [3], "a"),
        }
        for first, second in itertools.product(calls, repeat=2):
            running = asyncio.create_task(calls[first]())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="already generating or scoring"):
                await calls[second]()
            await running

    run(main())


def test_cancelled_scores_leave_the_engine_usable() -> None:
    async def main() -> None:
        engine = EmbeddedEngine(MODELS["lfm2"])
        scoring = asyncio.create_task(engine.score_many(LONG, [50, 120], [3], "a"))
        await asyncio.sleep(0)
        scoring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scoring
        released = asyncio.create_task(engine.score_many(LONG, [50, 120], [3], "b"))
        await asyncio.sleep(0)
        engine.release("b")
        with pytest.raises(asyncio.CancelledError):
            await released
        scores = await engine.score_many(LONG, [50, 120], [3], "a")
        assert flat(scores.logprobs) == pytest.approx(expected(MODELS["lfm2"], LONG, [50, 120], [3]), abs=1e-5)

    run(main())


def test_a_pass_that_runs_out_of_memory_is_an_infrastructure_failure() -> None:
    model = make("lfm2")

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    async def main() -> None:
        engine = EmbeddedEngine(model)
        context, cuts = await played(engine, "a", [LONG, [4, 5]])
        hook = model.model.layers[1].register_forward_pre_hook(fail)
        with pytest.raises(InfraError, match="ran out of memory"):
            await engine.score_many(context, cuts, [7], "a")
        hook.remove()
        scores = await engine.score_many(context, cuts, [7], "a")
        assert flat(scores.logprobs) == pytest.approx(expected(model, context, cuts, [7]), abs=1e-5)

    run(main())


def test_bfloat16_agrees_with_plain_passes() -> None:
    model = make("lfm2").to(torch.bfloat16)

    async def main() -> None:
        engine = EmbeddedEngine(model)
        context, cuts = await played(engine, "a", [LONG, [4, 5], [1] * 9])
        found = torch.tensor(flat((await engine.score_many(context, cuts, [7, 8, 9], "a")).logprobs))
        plain = torch.tensor(expected(model, context, cuts, [7, 8, 9]))
        assert (found - plain).abs().mean() < 0.02 * plain.abs().mean()

    run(main())
