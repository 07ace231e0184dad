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
from agentrl.types import SamplingParams
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
THREE = TokenOptions(tau_abs=0.02, tau_rel=0.9, candidates=3, lookahead=(4,), max_steps=15)
SCRIPTED = TokenOptions(tau_abs=0.005, tau_rel=0.9, lookahead=(3, 6), tau_ed=0.9)
"""For the fake's scripted tokens, where all but the favourite have a hundredth."""
PARAMS = SamplingParams(temperature=1.0, max_tokens=24, stop_token_ids=(7,), seed=11)
SESSIONS = [f"t/{i}" for i in range(6)]
ROUTES: dict[str, dict[str, Any]] = {"0.22.0": {}, "0.32.0": {"enable_scale_out": True}}
"""Tokens come from `/v1/completions`, or from `/inference/v1/generate`."""


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 300))


async def branch(
    engine: EmbeddedEngine | VLLMEngine,
    options: TokenOptions = BUSHY,
    params: SamplingParams = PARAMS,
    sessions: Sequence[str] = SESSIONS,
) -> Branched:
    try:
        return await engine.branch(PROMPT, params, sessions, options, lambda token: token == 2)
    finally:
        if sessions is SESSIONS:
            for session in sessions:
                engine.release(session)


@asynccontextmanager
async def beside(
    kind: str, folder: Path, release: str
) -> AsyncIterator[tuple[VLLMEngine, EmbeddedEngine, PreTrainedModel]]:
    """Engines of the same weights, of a server and in the process; in double precision, so that no rounding counts."""
    model = make(kind)
    model.save_pretrained(folder / "model")
    policy = ModelPolicy(folder / "model")
    policy.model.double()
    async with FakeServer(release, policy, **ROUTES[release]) as server, engine_of([server], folder) as engine:
        yield engine, EmbeddedEngine(model.double()), model


def shape(branched: Branched) -> list[tuple[Any, ...]]:
    """The tree as it was before chance took over."""
    names = ("number", "parent", "born", "token", "fate")
    pruned = [b["length"] for b in branched.record["branches"] if b["fate"] == "pruned"]
    return [*(tuple(b[name] for name in names) for b in branched.record["branches"]), tuple(pruned)]


@pytest.mark.parametrize(
    ("release", "kind", "options"),
    [("0.22.0", "lfm2", BUSHY), ("0.32.0", "qwen3", BUSHY), ("0.32.0", "lfm2", THREE)],
)
def test_the_tree_is_that_of_the_embedded_engine(
    release: str, kind: str, options: TokenOptions, tmp_path: Path
) -> None:
    """At temperature 0 to the ends of its rollouts, which chance decides at 1; and no token more is sampled for it."""
    greedy = dataclasses.replace(PARAMS, temperature=0.0)

    async def main() -> None:
        async with beside(kind, tmp_path, release) as (engine, embedded, model):
            assert isinstance(engine, BranchingEngine)
            ours, theirs = await branch(engine, options, greedy), await branch(embedded, options, greedy)
            assert ours.record == theirs.record
            assert ours.record["branched"] > 2
            assert ours.record["pruned"] > 0 or options is not BUSHY
            for mine, other in zip(ours.completions, theirs.completions, strict=True):
                assert mine.logprobs == pytest.approx(other.logprobs, abs=1e-5)
                same = dataclasses.replace(mine, logprobs=other.logprobs, queue_s=other.queue_s)
                assert same == other
            for count in ("tokens", "discarded", "requests"):
                assert getattr(engine.stats(), count) == getattr(embedded.stats(), count)

            ours, theirs = await branch(engine, options), await branch(embedded, options)
            assert shape(ours) == shape(theirs)
            steps = ours.record["steps"]
            for mine, other in zip(ours.completions, theirs.completions, strict=True):
                assert mine.token_ids[:steps] == other.token_ids[:steps]
                assert mine.logprobs == pytest.approx(
                    plain_logprobs(model, PROMPT, list(mine.token_ids), 1.0), abs=1e-4
                )
                assert mine.finish_reason == ("stop" if mine.token_ids[-1] == 7 else "length")
            assert len({c.token_ids for c in ours.completions}) == 6
            again = await branch(engine, options)
            assert [c.token_ids for c in again.completions] == [c.token_ids for c in ours.completions]

    run(main())


@pytest.mark.parametrize("release", [*ROUTES, "0.33.0"])  # the last one freezes what runs while weights change
def test_new_weights_while_a_tree_grows(release: str, tmp_path: Path) -> None:
    async def main() -> None:
        flags = ROUTES.get(release, {"enable_scale_out": True})
        async with fleet(release, latency_s=0.002, **flags) as servers, engine_of(servers, tmp_path) as engine:
            growing = asyncio.create_task(branch(engine, SCRIPTED))
            await servers[0].in_flight(1, tokens=2)
            await publish(engine, 1, tmp_path)
            branched = await growing
            assert {v for c in branched.completions for v in c.versions} == {0, 1}
            for completion in branched.completions:
                assert list(completion.versions) == sorted(completion.versions)
                check_exact(PROMPT, PARAMS, completion, tmp_path)

    run(main())


def test_one_replica_has_the_tree_and_what_comes_after_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2) as servers, engine_of(servers, tmp_path) as engine:
            here, there = servers
            sessions = [*sessions_on(engine, here, 1), *sessions_on(engine, there, 5)]
            branched = await branch(engine, SCRIPTED, sessions=sessions)
            assert branched.record["branched"] >= 5
            assert len(here.seen) > 6
            for session, completion in zip(sessions, branched.completions, strict=True):
                await engine.generate([*PROMPT, *completion.token_ids, 9], PARAMS, session)
            assert not there.seen
            engine.release(sessions[1])
            await engine.generate(PROMPT, PARAMS, sessions[1])
            assert len(there.seen) == 1

    run(main())


def test_a_tree_survives_its_replica_but_not_the_last_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2, latency_s=0.002) as servers, engine_of(servers, tmp_path) as engine:
            first, last = servers
            sessions = sessions_on(engine, first, 6)
            growing = asyncio.create_task(branch(engine, SCRIPTED, sessions=sessions))
            await first.in_flight(1, tokens=2)
            await first.die()
            branched = await growing
            assert branched.record["branched"] >= 5
            assert last.seen
            assert engine.stats().resumed > 0
            for completion in branched.completions:
                check_exact(PROMPT, PARAMS, completion, tmp_path)
            growing = asyncio.create_task(branch(engine, SCRIPTED, sessions=sessions))
            await last.in_flight(1, tokens=2)
            await last.die()
            with pytest.raises(InfraError, match="no replica takes requests"):
                await growing

    run(main())


def test_a_temperature_of_which_servers_do_not_tell_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path) as engine:
            with pytest.raises(ConfigError, match=r"temperature 1, not 0\.7"):
                await branch(engine, params=dataclasses.replace(PARAMS, temperature=0.7))
            assert not servers[0].seen

    run(main())
