"""Lookahead trees on vLLM servers: the same that grow in the embedded engine, whatever happens on the way."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import ConfigError, InfraError
from agentrl.types import Completion, SamplingParams
from tests.conftest import require

for component in ("torch", "transformers", "rapidfuzz", "aiohttp", "fastapi", "uvicorn"):
    require(component)

from transformers import PreTrainedModel

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.lookahead.engine import Branched, BranchingEngine
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.vllm.engine import VLLMEngine
from agentrl.agents.vllm.fake import FakeServer
from agentrl.agents.vllm.fake.model import ModelPolicy
from tests.agents.models import make, plain_logprobs
from tests.fixtures.vllm import check_exact, engine_of, fleet, publish, sessions_on

PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]
BUSHY = TokenOptions(tau_abs=0.02, tau_rel=0.9, lookahead=(3, 6), tau_ed=0.9)
"""For random models, which are rarely torn between two tokens."""
SCRIPTED = TokenOptions(tau_abs=0.005, tau_rel=0.9, lookahead=(3, 6), tau_ed=0.9)
"""For the fake's scripted tokens, where all but the favourite have a hundredth."""
PARAMS = SamplingParams(temperature=1.0, max_tokens=40, stop_token_ids=(7,), seed=11)
ROUTES = {"0.22.0": {}, "0.32.0": {"enable_scale_out": True}}
"""Tokens come from `/v1/completions`, or from `/inference/v1/generate`."""


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


async def branch(
    engine: EmbeddedEngine | VLLMEngine,
    options: TokenOptions = BUSHY,
    width: int = 6,
    params: SamplingParams = PARAMS,
    prompt: Sequence[int] = PROMPT,
) -> Branched:
    return await engine.branch(prompt, params, [f"t/{i}" for i in range(width)], options, lambda token: token == 2)


@asynccontextmanager
async def beside(
    model: PreTrainedModel, folder: Path, release: str
) -> AsyncIterator[tuple[VLLMEngine, FakeServer, EmbeddedEngine]]:
    """An engine of a server, and one in the process, of the same weights in double precision: no rounding flips a tree."""
    model.save_pretrained(folder / "model")
    policy = ModelPolicy(folder / "model")
    policy.model.double()
    async with (
        FakeServer(release, policy, **ROUTES[release]) as server,
        engine_of([server], folder) as engine,
    ):
        yield engine, server, EmbeddedEngine(model.double())


@pytest.mark.parametrize("kind", ["qwen3", "lfm2"])
@pytest.mark.parametrize("release", ROUTES)
@pytest.mark.parametrize(
    "options", [BUSHY, TokenOptions(tau_abs=0.02, tau_rel=0.9, candidates=3, lookahead=(4,), max_steps=15)]
)
def test_the_tree_is_that_of_the_embedded_engine(
    kind: str, release: str, options: TokenOptions, tmp_path: Path
) -> None:
    """At temperature 0 to the ends of its rollouts, which chance decides at others."""
    params = dataclasses.replace(PARAMS, temperature=0.0)

    async def main() -> None:
        async with beside(make(kind), tmp_path, release) as (engine, server, embedded):
            assert isinstance(engine, BranchingEngine)
            ours, theirs = await branch(engine, options, params=params), await branch(embedded, options, params=params)
            assert ours.record == theirs.record
            assert ours.record["branched"] > 2
            assert ours.record["pruned"] > 0 or options is not BUSHY
            for mine, other in zip(ours.completions, theirs.completions, strict=True):
                assert (mine.token_ids, mine.versions, mine.finish_reason) == (
                    other.token_ids,
                    other.versions,
                    other.finish_reason,
                )
                assert mine.logprobs == pytest.approx(other.logprobs, abs=1e-5)
            assert engine.stats().tokens == embedded.stats().tokens
            assert engine.stats().discarded == embedded.stats().discarded
            assert engine.stats().requests == 6

    run(main())
