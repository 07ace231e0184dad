"""The vLLM engine's tokens: exact, with the version of each, whatever happens on the way."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import SamplingParams
from tests.conftest import require

for component in ("aiohttp", "fastapi", "uvicorn", "torch"):
    require(component)

from agentrl.agents.vllm import wire
from agentrl.agents.vllm.engine import VLLMEngine, VLLMOptions
from agentrl.agents.vllm.fake import FakeServer, ScriptedPolicy
from agentrl.agents.vllm.replica import Replica
from tests.fixtures.vllm import check_exact, engine_of, fleet, publish, twin, weights_of

PARAMS = SamplingParams(temperature=0.7, max_tokens=40, stop_token_ids=(63,), seed=5)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


def test_tokens_and_log_probs_are_the_servers(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path) as engine:
            done = await engine.generate([1, 2, 3], PARAMS, "a")
            check_exact([1, 2, 3], PARAMS, done, tmp_path)
            assert set(done.versions) == {0}
            assert done.finish_reason == ("stop" if done.token_ids[-1] == 63 else "length")
            again = await engine.generate([1, 2, 3], PARAMS, "b")
            assert again == dataclasses.replace(done, queue_s=again.queue_s)
            other = await engine.generate([1, 2, 3], dataclasses.replace(PARAMS, seed=6), "a")
            assert other.token_ids != done.token_ids
            stats = engine.stats()
            assert (stats.requests, stats.resumed, stats.replicas) == (3, 0, 1)
            assert stats.tokens == sum(len(c.token_ids) for c in (done, again, other))
            assert 0 < stats.busy_s < 60

    run(main())


def test_turns_without_a_seed_follow_the_engines(tmp_path: Path) -> None:
    async def main() -> None:
        params = dataclasses.replace(PARAMS, seed=None)
        async with fleet() as servers:
            draws = []
            for seed in (0, 0, 1):
                async with engine_of(servers, tmp_path, seed=seed) as engine:
                    draws.append([(await engine.generate([1], params, "a")).token_ids for _ in range(2)])
            assert draws[0] == draws[1] != draws[2]
            assert draws[0][0] != draws[0][1]

    run(main())


def test_a_cut_turn_goes_on_from_its_tokens_with_other_random_numbers(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(latency_s=0.002) as servers, engine_of(servers, tmp_path) as engine:
            (server,) = servers
            params = dataclasses.replace(PARAMS, stop_token_ids=(), max_tokens=200)
            turn = asyncio.create_task(engine.generate([1, 2], params, "a"))
            await server.in_flight(1, tokens=10)
            await publish(engine, 1, tmp_path)
            done = await turn
            check_exact([1, 2], params, done, tmp_path)
            cut = done.versions.index(1)
            assert done.versions == (0,) * cut + (1,) * (200 - cut)
            first, second = [body for body in server.seen if body["prompt"][:2] == [1, 2]]
            assert second["prompt"] == [1, 2, *done.token_ids[:cut]]
            assert second["max_tokens"] == 200 - cut
            assert first["seed"] == 5 != second["seed"]
            assert first["cache_salt"] != second["cache_salt"]
            assert engine.stats().resumed == 1
            assert done.queue_s > 0

    run(main())


@pytest.mark.parametrize("release", ["0.32.0", "0.33.0"])
def test_a_request_that_comes_just_after_the_pause_is_asked_again(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits at the server (0.33 answers 503), where the new weights would sample it under the old version."""
    paused = asyncio.Event()
    send = Replica.send

    async def late(self: Replica, call: wire.Call, **options: Any) -> Any:
        if call.path == "/v1/completions" and "prompt_logprobs" not in (call.body or {}):
            await paused.wait()
        reply = await send(self, call, **options)
        if call.path == "/pause":
            paused.set()
        return reply

    monkeypatch.setattr(Replica, "send", late)

    async def main() -> None:
        async with fleet(release) as servers, engine_of(servers, tmp_path) as engine:
            turn = asyncio.create_task(engine.generate([1, 2], PARAMS, "a"))
            await asyncio.sleep(0)
            await publish(engine, 1, tmp_path)
            done = await turn
            assert set(done.versions) == {1}
            check_exact([1, 2], PARAMS, done, tmp_path)

    run(main())


def test_a_thousand_turns_at_once_through_three_publishes(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2, latency_s=0.01) as servers, engine_of(servers, tmp_path) as engine:
            params = [dataclasses.replace(PARAMS, seed=i) for i in range(1000)]
            turns = [asyncio.create_task(engine.generate([i, 1], p, f"s{i}")) for i, p in enumerate(params)]
            for version in (1, 2, 3):
                for server in servers:
                    await server.in_flight(200, tokens=2)
                await publish(engine, version, tmp_path)
            done = await asyncio.gather(*turns)
            assert {v for c in done for v in c.versions} == {0, 1, 2, 3}
            for i in range(0, 1000, 10):
                check_exact([i, 1], params[i], done[i], tmp_path)
            assert engine.stats().requests == 1000
            assert engine.stats().tokens == sum(len(c.token_ids) for c in done)

    run(main())


def test_scores_are_the_servers(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(latency_s=0.05) as servers, engine_of(servers, tmp_path) as engine:
            await publish(engine, 1, tmp_path)
            policy, _ = twin(weights_of(1), tmp_path)
            expected = tuple(policy.score([4, 5, 6, 7, 8], None)[2:])
            assert await engine.score([4, 5, 6], [7, 8]) == pytest.approx(expected)
            scoring = asyncio.create_task(engine.score([4, 5, 6], [7, 8]))
            await asyncio.sleep(0.01)
            await publish(engine, 2, tmp_path)  # ends it; it is asked again, of the new weights
            policy, _ = twin(weights_of(2), tmp_path)
            assert await scoring == pytest.approx(tuple(policy.score([4, 5, 6, 7, 8], None)[2:]))

    run(main())


@pytest.mark.parametrize("release", ["0.32.0", "0.33.0"])  # the latter freezes what runs while weights change
def test_scores_after_many_prefixes_are_of_one_version(release: str, tmp_path: Path) -> None:
    context, cuts, target = [4, 5, 6, 7, 8, 9], [1, 3, 6], [10, 11]

    def expected(version: int) -> list[Any]:
        policy, _ = twin(weights_of(version), tmp_path)
        alone = [policy.score([*context[:cut], *target], None)[-len(target) :] for cut in cuts]
        return [pytest.approx(row) for row in alone]

    async def main() -> None:
        async with fleet(release, replicas=2, latency_s=0.05) as servers, engine_of(servers, tmp_path) as engine:
            await publish(engine, 1, tmp_path)
            scores = await engine.score_many(context, cuts, target, "a")
            assert (scores.version, list(scores.logprobs)) == (1, expected(1))
            asked = sum(len(server.seen) for server in servers)
            scoring = asyncio.create_task(engine.score_many(context, cuts, target, "a"))
            await asyncio.sleep(0.01)
            await publish(engine, 2, tmp_path)
            scores = await scoring
            assert (scores.version, list(scores.logprobs)) == (2, expected(2))
            assert sum(len(server.seen) for server in servers) - asked > len(cuts), "it was asked again"
            assert engine.stats().scoring_s > 0.05
            assert (await engine.score_many(context, [], target, "a")).logprobs == ()

    run(main())


def test_the_context_is_the_smaller_of_what_both_sides_allow(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers:
            async with engine_of(servers, tmp_path) as engine:
                assert engine.max_context == 1 << 15
            async with engine_of(servers, tmp_path, max_context=50) as engine:
                assert engine.max_context == 50
                with pytest.raises(ConfigError, match="exceed the context of 50"):
                    await engine.generate([1] * 20, PARAMS, "a")
                with pytest.raises(ConfigError, match="at least one token"):
                    await engine.generate([], PARAMS, "a")
                with pytest.raises(ConfigError, match="exceed the context of 50"):
                    await engine.score([1] * 49, [1])

    run(main())


def test_the_api_key_comes_from_the_options_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with fleet(api_key="secret") as servers:
            async with engine_of(servers, tmp_path, api_key="secret") as engine:
                await engine.generate([1], PARAMS, "a")
            monkeypatch.setenv("AGENTRL_ENGINE_API_KEY", "secret")
            async with engine_of(servers, tmp_path) as engine:
                await engine.generate([1], PARAMS, "a")
            monkeypatch.setenv("AGENTRL_ENGINE_API_KEY", "wrong")
            with pytest.raises(ConfigError, match="AGENTRL_ENGINE_API_KEY"):
                async with engine_of(servers, tmp_path):
                    pass

    assert "secret" not in repr(VLLMOptions(urls=("http://a",), api_key="secret"))
    run(main())


def test_what_a_server_lacks_is_said_at_the_start(tmp_path: Path) -> None:
    async def refused(message: str, release: str = "0.32.0", **options: Any) -> None:
        flags = {name: options.pop(name) for name in ("dev_mode",) if name in options}
        async with fleet(release, **flags) as servers:
            with pytest.raises(ConfigError, match=message):
                async with engine_of(servers, tmp_path, **options):
                    pass

    async def main() -> None:
        await refused("VLLM_SERVER_DEV_MODE=1", dev_mode=False)
        await refused("--enable-lora", publish="lora", lora_alpha=4)
        await refused("--enable-scale-out", update="keep")
        await refused("0.32 or later", release="0.28.0", update="keep")
        await refused("weights_dir", publish="checkpoint", weights_dir=None)

    run(main())


def test_replicas_must_be_alike(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeServer("0.32.0", ScriptedPolicy()) as a, FakeServer("0.30.0", ScriptedPolicy()) as b:
            with pytest.raises(ConfigError, match=r"not alike: vLLM 0\.32\.0 .* vLLM 0\.30\.0"):
                async with engine_of([a, b], tmp_path):
                    pass

    run(main())


def test_a_server_that_an_earlier_run_left_paused_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers:
            await servers[0].scheduler.pause("abort")
            async with engine_of(servers, tmp_path) as engine:
                await engine.generate([1], PARAMS, "a")

    run(main())


def test_a_refused_request_stops_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path) as engine:
            engine.max_context = 1 << 20  # as if the server had been started anew with a shorter one
            with pytest.raises(RunStoppedError, match=r"maximum context length is 32768"):
                await engine.generate([1] * 40000, PARAMS, "a")

    run(main())


def test_an_engine_without_servers_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers:
            pass
        with pytest.raises(InfraError, match="no vLLM server answers"):
            async with engine_of(servers, tmp_path):
                pass
        engine = VLLMEngine(VLLMOptions(urls=("http://127.0.0.1:1",)))
        await engine.close()  # never started

    run(main())
