"""The embedded engine against plain forward passes of the same model."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM, MistralConfig, MistralForCausalLM

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.errors import ConfigError, InfraError
from agentrl.types import Completion, SamplingParams
from tests.agents.models import POSITIONS, SMALL, VOCAB, each_kind, make, plain_logprobs, run


async def episode(
    engine: EmbeddedEngine, seed: int, turns: int = 4, temperature: float = 0.8, keep: bool = True
) -> list[tuple[list[int], Completion]]:
    """A made-up multi-turn episode: (context, completion) of each turn. Its texts depend on the seed alone."""
    rng = random.Random(seed)
    context = [rng.randrange(VOCAB) for _ in range(rng.randint(1, 40))]
    history = []
    for turn in range(turns):
        params = SamplingParams(temperature, rng.randint(1, 9), stop_token_ids=(7,), seed=1000 * seed + turn)
        session = str(seed) if keep else f"{seed}/{turn}"
        completion = await engine.generate(context, params, session)
        history.append((list(context), completion))
        context += list(completion.token_ids) + [rng.randrange(VOCAB) for _ in range(rng.randint(1, 25))]
        if rng.random() < 0.3:
            await asyncio.sleep(0)
        if not keep:
            engine.release(session)
    engine.release(str(seed))
    return history


async def together(engine: EmbeddedEngine, seeds: range, **options: Any) -> list[list[tuple[list[int], Completion]]]:
    return list(await asyncio.gather(*(episode(engine, s, **options) for s in seeds)))


@each_kind
@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_logprobs_are_those_of_a_plain_forward(kind: str, temperature: float) -> None:
    model = make(kind)
    for history in run(together(EmbeddedEngine(model), range(12), temperature=temperature)):
        for context, completion in history:
            expected = plain_logprobs(model, context, list(completion.token_ids), temperature)
            assert completion.logprobs == pytest.approx(expected, abs=1e-4)
            assert len(completion.token_ids) == len(completion.logprobs) == len(completion.versions)


@each_kind
def test_logprobs_agree_in_bf16(kind: str) -> None:
    model = make(kind).to(torch.bfloat16)
    got, expected = [], []
    for history in run(together(EmbeddedEngine(model), range(12))):
        for context, completion in history:
            got += completion.logprobs
            expected += plain_logprobs(model, context, list(completion.token_ids), 0.8)
    difference = (torch.tensor(got) - torch.tensor(expected)).abs().mean()
    assert difference < 0.02 * torch.tensor(expected).abs().mean()


@each_kind
def test_batched_cached_sessions_equal_single_uncached_ones(kind: str) -> None:
    model = make(kind).double()  # so that no rounding flips a draw
    batched = run(together(EmbeddedEngine(model), range(20)))
    for seed, history in enumerate(batched):
        alone = run(episode(EmbeddedEngine(model), seed, keep=False))
        assert [c.token_ids for _, c in alone] == [c.token_ids for _, c in history]


@each_kind
def test_greedy_takes_the_most_likely_token(kind: str) -> None:
    model = make(kind)
    for context, completion in run(episode(EmbeddedEngine(model), 3, temperature=0.0)):
        logits = model(input_ids=torch.tensor([context + list(completion.token_ids)])).logits[0]
        assert list(completion.token_ids) == logits.argmax(-1)[len(context) - 1 : -1].tolist()
        assert completion.logprobs == pytest.approx(
            plain_logprobs(model, context, list(completion.token_ids), 1.0), abs=1e-4
        )


@each_kind
def test_a_changed_prefix_is_noticed(kind: str) -> None:
    model = make(kind)

    async def play() -> None:
        engine = EmbeddedEngine(model)
        greedy = SamplingParams(temperature=0.0, max_tokens=5)
        first = [3, 5, 8, 13, 21, 34]
        await engine.generate(first, greedy, "a")
        for prompt in ([3, 5, 9, 13, 21, 34, 55], first[:4], first, [60], [3, 5, 8]):
            again = await engine.generate(prompt, greedy, "a")
            fresh = await engine.generate(prompt, greedy, "b")
            assert again.token_ids == fresh.token_ids
            assert again.logprobs == pytest.approx(fresh.logprobs, abs=1e-4)
            engine.release("b")

    run(play())


@each_kind
def test_sessions_survive_the_release_of_others(kind: str) -> None:
    model = make(kind)

    async def play() -> None:
        engine = EmbeddedEngine(model)
        greedy = SamplingParams(temperature=0.0, max_tokens=4)
        contexts = {str(i): [i + 1, 2 * i + 1, 5] for i in range(8)}
        for order in ("0", "5", "7", "1", "3"):
            results = await asyncio.gather(*(engine.generate(c, greedy, s) for s, c in contexts.items()))
            for (session, context), completion in zip(contexts.items(), results, strict=True):
                expected = plain_logprobs(model, context, list(completion.token_ids), 1.0)
                assert completion.logprobs == pytest.approx(expected, abs=1e-4)
                contexts[session] = context + list(completion.token_ids) + [11]
            engine.release(order)
            del contexts[order]

    run(play())


def test_the_cached_prefix_is_not_computed_again() -> None:
    model = make("lfm2")
    fed = []
    model.model.embed_tokens.register_forward_hook(lambda _, args, __: fed.append(args[0].numel()))

    async def play() -> None:
        engine = EmbeddedEngine(model)
        context = list(range(50))
        first = await engine.generate(context, SamplingParams(max_tokens=3), "a")
        assert sum(fed) == 50 + 2
        fed.clear()
        await engine.generate([*context, *first.token_ids, 1, 2, 3], SamplingParams(max_tokens=1), "a")
        assert sum(fed) == 1 + 3

    run(play())


@each_kind
def test_sessions_with_the_same_prompt_compute_it_once(kind: str) -> None:
    model = make(kind).double()
    fed = []
    hook = model.get_input_embeddings().register_forward_hook(lambda _, args, __: fed.append(args[0].numel()))
    prompts = [list(range(40)), list(range(20, 50)), [3, 4], [5]]

    async def play(engine: EmbeddedEngine, indices: range) -> list[tuple[int, ...]]:
        turns = (engine.generate(prompts[i % 4], SamplingParams(max_tokens=6, seed=i), str(i)) for i in indices)
        return [c.token_ids for c in await asyncio.gather(*turns)]

    together = run(play(EmbeddedEngine(model), range(20)))
    assert sum(fed) < 40 + 30 + 10 + 20 * 8
    hook.remove()
    assert together == [run(play(EmbeddedEngine(model), range(i, i + 1)))[0] for i in range(20)]


@each_kind
def test_fork_copies_and_shares_nothing(kind: str) -> None:
    model = make(kind)

    async def play() -> None:
        engine = EmbeddedEngine(model)
        greedy = SamplingParams(temperature=0.0, max_tokens=5)
        first = await engine.generate([1, 2, 3, 4], greedy, "a")
        engine.fork("a", "b")
        context = [1, 2, 3, 4, *first.token_ids]
        for session, extra in (("a", [7, 8]), ("b", [9]), ("a", [7, 8, 10])):
            completion = await engine.generate(context + extra, greedy, session)
            expected = plain_logprobs(model, context + extra, list(completion.token_ids), 1.0)
            assert completion.logprobs == pytest.approx(expected, abs=1e-4)

    run(play())


def test_padding_may_lie_beyond_the_last_position() -> None:
    model = make("gpt2")

    async def play() -> None:
        engine = EmbeddedEngine(model)
        one = SamplingParams(max_tokens=1)
        long = await engine.generate([1] * 505, one, "long")
        grown = [1] * 505 + list(long.token_ids) + [2] * 5
        await asyncio.gather(engine.generate([3] * 60, one, "short"), engine.generate(grown, one, "long"))

    run(play())


def test_finish_reasons_and_stop_token() -> None:
    async def play() -> None:
        engine = EmbeddedEngine(make("qwen3"))
        everything = tuple(range(VOCAB))
        stopped = await engine.generate([1], SamplingParams(max_tokens=5, stop_token_ids=everything), "a")
        assert (stopped.finish_reason, len(stopped.token_ids)) == ("stop", 1)
        cut = await engine.generate([1], SamplingParams(max_tokens=5), "a")
        assert (cut.finish_reason, len(cut.token_ids)) == ("length", 5)

    run(play())


def test_sampling_follows_the_distribution() -> None:
    model = make("qwen3")

    async def play() -> list[int]:
        engine = EmbeddedEngine(model, seed=1)
        draws = await asyncio.gather(
            *(engine.generate([4, 2], SamplingParams(max_tokens=1), str(i)) for i in range(3000))
        )
        return [c.token_ids[0] for c in draws]

    counts = torch.bincount(torch.tensor(run(play())), minlength=VOCAB).double()
    p = model(input_ids=torch.tensor([[4, 2]])).logits[0, -1].double().softmax(-1)
    assert (counts / 3000 - p).abs().sum() < 0.15


@each_kind
def test_score_equals_a_plain_forward(kind: str) -> None:
    model = make(kind)
    scores = run(EmbeddedEngine(model).score([1, 2, 3], [4, 5, 6, 7]))
    assert scores == pytest.approx(plain_logprobs(model, [1, 2, 3], [4, 5, 6, 7], 1.0), abs=1e-5)


@each_kind
def test_publish_in_the_middle_of_a_turn(kind: str) -> None:
    model, other = make(kind), make(kind)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(0.7)

    async def play() -> None:
        engine = EmbeddedEngine(model)
        running = asyncio.create_task(engine.generate([1, 2, 3], SamplingParams(max_tokens=8, seed=0), "a"))
        for _ in range(6):
            await asyncio.sleep(0)
        report = await engine.publish(other.state_dict(), 5)
        assert (report.version, engine.version) == (5, 5)
        completion = await running
        assert set(completion.versions) == {0, 5}
        split = completion.versions.index(5)
        before, after = list(completion.token_ids[:split]), list(completion.token_ids[split:])
        assert completion.logprobs[:split] == pytest.approx(
            plain_logprobs(make(kind), [1, 2, 3], before, 1.0), abs=1e-4
        )
        expected = plain_logprobs(other, [1, 2, 3, *before], after, 1.0)
        assert completion.logprobs[split:] == pytest.approx(expected, abs=1e-4)

    run(play())


def test_publishing_the_model_itself_only_counts() -> None:
    model = make("lfm2")
    engine = EmbeddedEngine(model)
    run(engine.publish(model.state_dict(), 3))
    assert engine.version == 3


def test_context_limit_is_named() -> None:
    engine = EmbeddedEngine(make("qwen3"), max_context=20)
    with pytest.raises(ConfigError, match="context of 20"):
        run(engine.generate([1] * 15, SamplingParams(max_tokens=6), "a"))


def test_cancelled_turns_leave_the_engine_usable() -> None:
    async def play() -> None:
        engine = EmbeddedEngine(make("lfm2"))
        slow = asyncio.create_task(engine.generate([1, 2], SamplingParams(max_tokens=400), "slow"))
        other = asyncio.create_task(engine.generate([1, 2], SamplingParams(max_tokens=20, seed=4), "other"))
        for _ in range(5):
            await asyncio.sleep(0)
        slow.cancel()
        assert len((await other).token_ids) == 20
        with pytest.raises(asyncio.CancelledError):
            await slow
        fresh = await EmbeddedEngine(make("lfm2")).generate([1, 2], SamplingParams(max_tokens=20, seed=4), "x")
        assert (await other).token_ids == fresh.token_ids
        assert len((await engine.generate([1, 2, 3], SamplingParams(max_tokens=3), "slow")).token_ids) == 3

    run(play())


@pytest.mark.parametrize(
    ("error", "seen"), [(torch.OutOfMemoryError("no room"), InfraError), (RuntimeError("a bug"), RuntimeError)]
)
def test_a_failed_pass_reaches_every_caller(error: Exception, seen: type[Exception]) -> None:
    model = make("lfm2")

    def fail(*_: Any) -> None:
        raise error

    async def play() -> None:
        engine = EmbeddedEngine(model)
        params = SamplingParams(max_tokens=4, seed=1)
        good = await engine.generate([1, 2, 3], params, "0")
        hook = model.model.layers[1].register_forward_pre_hook(fail)
        turns = (engine.generate([1, 2, 3, *([4] * i)], params, str(i)) for i in range(3))
        results = await asyncio.gather(*turns, return_exceptions=True)
        assert [type(r) for r in results] == [seen] * 3
        hook.remove()
        assert (await engine.generate([1, 2, 3], params, "0")).logprobs == pytest.approx(good.logprobs, abs=1e-4)

    run(play())


def test_an_engine_outlives_its_event_loop() -> None:
    engine = EmbeddedEngine(make("qwen3"))

    async def interrupted() -> None:
        asyncio.get_running_loop().call_later(0.01, asyncio.current_task().cancel)
        await engine.generate([1], SamplingParams(max_tokens=500), "a")

    with pytest.raises(asyncio.CancelledError):
        run(interrupted())
    assert len(run(engine.generate([1], SamplingParams(max_tokens=3), "a")).token_ids) == 3


def test_long_prompts_are_fed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentrl.agents.sessions.MAX_PASS_TOKENS", 16)
    model = make("lfm2")
    for history in run(together(EmbeddedEngine(model), range(6))):
        for context, completion in history:
            expected = plain_logprobs(model, context, list(completion.token_ids), 0.8)
            assert completion.logprobs == pytest.approx(expected, abs=1e-4)


def test_unsupported_architectures_are_refused_by_layer_type() -> None:
    window = MistralForCausalLM(
        MistralConfig(**SMALL, **POSITIONS, num_hidden_layers=1, num_key_value_heads=4, sliding_window=64)
    )
    with pytest.raises(ConfigError, match="sliding_attention"):
        EmbeddedEngine(window)
    EmbeddedEngine(window, max_context=64)
    mamba = MambaForCausalLM(MambaConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=1))
    with pytest.raises(ConfigError, match="MambaForCausalLM"):
        EmbeddedEngine(mamba)
