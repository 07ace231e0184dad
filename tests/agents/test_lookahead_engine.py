"""Lookahead trees in the embedded engine, against the same trees grown by plain forward passes without a cache."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from agentrl.errors import ConfigError
from agentrl.types import Completion, SamplingParams
from tests.conftest import require

torch = require("torch")
require("transformers")
require("rapidfuzz")

from transformers import PreTrainedModel

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.lookahead.engine import Branched, BranchingEngine
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.lookahead.tree import TokenTree, Top
from tests.agents.models import each_kind, make, plain_logprobs, run

BUSHY = TokenOptions(tau_abs=0.02, tau_rel=0.9, lookahead=(3, 6), tau_ed=0.7)
"""Random models are rarely torn between two tokens: let them branch, and be pruned."""
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]
PARAMS = SamplingParams(temperature=0.8, max_tokens=24, stop_token_ids=(7,), seed=11)


def grow(engine: EmbeddedEngine, width: int = 6, options: TokenOptions = BUSHY, tree: str = "t") -> Branched:
    return run(branch(engine, width, options, tree))


async def branch(engine: EmbeddedEngine, width: int = 6, options: TokenOptions = BUSHY, tree: str = "t") -> Branched:
    return await engine.branch(PROMPT, PARAMS, [f"{tree}/{i}" for i in range(width)], options)


def ids(completions: Sequence[Completion]) -> list[list[int]]:
    return [list(c.token_ids) for c in completions]


@torch.no_grad()
def without_cache(model: PreTrainedModel, width: int, options: TokenOptions) -> tuple[list[list[int]], TokenTree]:
    """The rollouts of the same tree, every token from a forward pass over all before it."""
    tree = TokenTree(width, options, PARAMS.stop_token_ids, PARAMS.max_tokens)

    def distribution(tokens: Sequence[int], temperature: float) -> np.ndarray:
        logits = model(input_ids=torch.tensor([PROMPT + list(tokens)])).logits[0, -1].float()
        return (logits / temperature).softmax(-1).double().numpy()

    while tree.grows:
        tops = []
        for row in tree.live:
            p = distribution(row.tokens, 1.0)
            best = np.argsort(-p)[: options.candidates]
            tops.append(Top(tuple(best.tolist()), tuple(p[best].tolist())))
        tree.step(tops)
    tree.pad()
    for row in tree.rows:
        uniforms = np.random.default_rng((PARAMS.seed, row.number)).random(PARAMS.max_tokens)
        while row.fate == "live":
            cumulative = distribution(row.tokens, PARAMS.temperature).cumsum()
            row.tokens.append(int(np.searchsorted(cumulative, uniforms[len(row.tokens)] * cumulative[-1], "right")))
            if row.tokens[-1] in PARAMS.stop_token_ids or len(row.tokens) == PARAMS.max_tokens:
                row.fate = "over"
    return [row.tokens for row in tree.rows], tree


@each_kind
@pytest.mark.parametrize("options", [BUSHY, TokenOptions(tau_abs=0.3, tau_rel=0.1, lookahead=(3,), max_steps=8)])
def test_sharing_keys_and_values_changes_nothing(kind: str, options: TokenOptions) -> None:
    model = make(kind).double()  # so that no rounding flips a draw
    expected, tree = without_cache(model, 6, options)
    branched = grow(EmbeddedEngine(model), options=options)
    assert ids(branched.completions) == expected
    assert branched.record == tree.record()


def test_the_trees_of_these_tests_branch_and_are_pruned() -> None:
    record = grow(EmbeddedEngine(make("lfm2"))).record
    assert record["branched"] > 5
    assert record["pruned"] > 2
    assert record["suppressed"] > 2


@each_kind
def test_logprobs_are_those_of_a_fresh_score(kind: str) -> None:
    model = make(kind)
    engine = EmbeddedEngine(model)
    for completion in grow(engine).completions:
        tokens = list(completion.token_ids)
        assert completion.logprobs == pytest.approx(plain_logprobs(model, PROMPT, tokens, 0.8), abs=1e-4)
        assert len(tokens) == len(completion.logprobs) == len(completion.versions)
        assert completion.finish_reason == ("stop" if tokens[-1] == 7 else "length")


@each_kind
def test_trees_and_plain_sampling_side_by_side(kind: str) -> None:
    """Others in the batch, also after the same prompt, change nothing; and leaves go on as sessions."""
    model = make(kind).double()

    async def play() -> None:
        engine = EmbeddedEngine(model)
        alone = [await branch(engine, tree=name) for name in "ab"]
        for name in "ab":
            for i in range(6):
                engine.release(f"{name}/{i}")
        assert not engine._slots
        *both, plain = await asyncio.gather(
            branch(engine, tree="a"), branch(engine, tree="b"), engine.generate(PROMPT, PARAMS, "plain")
        )
        assert [(ids(b.completions), b.record) for b in both] == [(ids(b.completions), b.record) for b in alone]
        contexts = {f"a/{i}": [*PROMPT, *c.token_ids, 20, 21] for i, c in enumerate(both[0].completions)}
        onward = [await engine.generate(context, PARAMS, session) for session, context in contexts.items()]
        fresh = EmbeddedEngine(model)
        again = [await fresh.generate(context, PARAMS, session) for session, context in contexts.items()]
        assert ids(onward) == ids(again)
        assert (await fresh.generate(PROMPT, PARAMS, "plain")).token_ids == plain.token_ids

    run(play())


def test_leaves_hand_their_cache_on() -> None:
    model = make("lfm2")
    fed: list[int] = []
    model.model.embed_tokens.register_forward_hook(lambda _, args, __: fed.append(args[0].numel()))

    async def play() -> None:
        engine = EmbeddedEngine(model)
        first = (await branch(engine)).completions[5]
        for i in range(5):
            engine.release(f"t/{i}")
        fed.clear()
        await engine.generate([*PROMPT, *first.token_ids, 1, 2], SamplingParams(max_tokens=1), "t/5")
        assert sum(fed) == 1 + 2

    run(play())


def test_forward_passes_are_shared_and_few() -> None:
    """The prompt is computed once, and at most k rows in every later pass."""
    model = make("qwen3")
    fed: list[int] = []
    model.model.embed_tokens.register_forward_hook(lambda _, args, __: fed.append(args[0].numel()))
    grow(EmbeddedEngine(model))
    assert fed[0] == len(PROMPT)
    assert max(fed[1:]) <= 6
    assert len(fed) <= PARAMS.max_tokens


@pytest.mark.parametrize("kind", ["qwen3", "lfm2"])
@pytest.mark.parametrize("seed", range(4))
def test_a_tree_costs_at_most_what_its_rollouts_would_have(kind: str, seed: int) -> None:
    engine = EmbeddedEngine(make(kind), seed=seed)
    branched = grow(engine)
    returned = sum(len(c.token_ids) for c in branched.completions)
    stats = engine.stats()
    assert branched.record["tokens"] <= returned  # hence below 1.3 times
    assert stats.tokens <= branched.record["tokens"]  # those that were pruned as they were born are no work
    assert stats.discarded <= branched.record["wasted"]
    assert stats.requests == 6


def test_new_weights_while_a_tree_grows() -> None:
    model = make("lfm2").double()

    async def play() -> None:
        engine = EmbeddedEngine(model)
        growing = asyncio.create_task(branch(engine))
        for _ in range(8):
            await asyncio.sleep(0)
        await engine.publish(dict(model.state_dict()), 1)
        branched = await growing
        versions = [v for c in branched.completions for v in c.versions]
        assert set(versions) == {0, 1}
        assert ids(branched.completions) == without_cache(model, 6, BUSHY)[0]

    run(play())


def test_a_cancelled_tree_leaves_nothing_behind() -> None:
    async def play() -> None:
        engine = EmbeddedEngine(make("qwen3"))
        growing = asyncio.create_task(branch(engine))
        for _ in range(8):
            await asyncio.sleep(0)
        assert len(engine._slots) > 1
        growing.cancel()
        await asyncio.gather(growing, return_exceptions=True)
        assert not engine._slots
        assert len((await branch(engine)).completions) == 6

    run(play())


def test_a_failed_pass_fails_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        engine = EmbeddedEngine(make("qwen3"))
        growing = asyncio.create_task(branch(engine))
        for _ in range(8):
            await asyncio.sleep(0)

        def broken(*_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(engine._passes, "feed", broken)
        with pytest.raises(RuntimeError, match="broken"):
            await growing
        assert not engine._slots

    run(play())


def test_what_does_not_fit_is_refused() -> None:
    engine = EmbeddedEngine(make("qwen3"), max_context=20)
    assert isinstance(engine, BranchingEngine)
    with pytest.raises(ConfigError, match="exceed the context of 20"):
        grow(engine)
