"""Several vLLM servers: sessions stay, move when theirs dies, and never meet weights that nobody verified."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import InfraError, RunStoppedError, UnknownNameError
from agentrl.types import SamplingParams
from tests.conftest import require

for component in ("aiohttp", "fastapi", "uvicorn", "torch"):
    require(component)

from agentrl.agents.vllm.engine import VLLMEngine
from agentrl.agents.vllm.fake import FakeServer, ScriptedPolicy
from tests.fixtures.vllm import check_exact, engine_of, fleet, publish, sessions_on

PARAMS = SamplingParams(temperature=0.7, max_tokens=30, seed=5)
NEVER_S = 3600.0
"""Health checks so far apart that something else must notice."""


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)


def states(engine: VLLMEngine) -> list[str]:
    return [replica.state for replica in engine._fleet.replicas]


def served(server: FakeServer) -> int:
    return len([body for body in server.seen if "prompt_logprobs" not in body])


def test_a_session_stays_with_its_replica(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=3) as servers, engine_of(servers, tmp_path) as engine:
            for server in servers:
                (name,) = sessions_on(engine, server, 1)
                for turn in range(3):
                    await engine.generate([turn + 1], PARAMS, name)
            assert [served(server) for server in servers] == [3, 3, 3]

    run(main())


def test_when_a_replica_dies_its_sessions_go_on_elsewhere_from_their_tokens(tmp_path: Path) -> None:
    async def main() -> None:
        options = {"health_interval_s": NEVER_S}
        async with fleet(replicas=2, latency_s=0.005) as servers, engine_of(servers, tmp_path, **options) as engine:
            names = [name for server in servers for name in sessions_on(engine, server, 10)]
            params = [dataclasses.replace(PARAMS, seed=i, max_tokens=60) for i in range(20)]
            turns = [asyncio.create_task(engine.generate([1, i], params[i], n)) for i, n in enumerate(names)]
            await servers[1].in_flight(10, tokens=2)
            await publish(engine, 1, tmp_path)  # so that there are tokens to go on from
            await servers[1].in_flight(10, tokens=2)
            await servers[1].die()
            for i, done in enumerate(await asyncio.gather(*turns)):
                check_exact([1, i], params[i], done, tmp_path)
                assert set(done.versions) == {0, 1}
            assert states(engine) == ["live", "dead"]
            assert engine.stats().replicas == 1
            assert engine.stats().resumed == 30  # all by the publish, ten by the death
            moved = [body for body in servers[0].seen if len(body["prompt"]) > 2 and body["prompt"][1] >= 10]
            assert len(moved) == 10

    run(main())


def test_when_all_die_turns_fail_and_name_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2, latency_s=0.005) as servers, engine_of(servers, tmp_path) as engine:
            turns = [asyncio.create_task(engine.generate([1], PARAMS, f"s{i}")) for i in range(8)]
            await until(lambda: sum(len(s.scheduler.running) for s in servers) == 8)
            for server in servers:
                await server.die()
            for error in await asyncio.gather(*turns, return_exceptions=True):
                assert isinstance(error, InfraError)
                assert all(server.url in str(error) for server in servers)
            with pytest.raises(InfraError, match="no replica is left"):
                await publish(engine, 1, tmp_path)

    run(main())


def test_a_replica_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentrl.agents.vllm.replica.HEALTH_S", 0.1)

    async def main() -> None:
        async with fleet(replicas=2, latency_s=0.005) as servers, engine_of(servers, tmp_path) as engine:
            (name,) = sessions_on(engine, servers[1], 1)
            servers[1].faults.answering.clear()
            done = await engine.generate([1], PARAMS, name)
            check_exact([1], PARAMS, done, tmp_path)
            assert states(engine) == ["live", "dead"]
            servers[1].faults.answering.set()
            await until(lambda: states(engine) == ["live", "stale"])

    run(main())


def test_a_request_that_takes_too_long_goes_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentrl.agents.vllm.replica.HEALTH_S", 0.1)

    async def main() -> None:
        options = {"health_interval_s": NEVER_S, "request_timeout_s": 0.3}
        async with fleet(replicas=2) as servers, engine_of(servers, tmp_path, **options) as engine:
            (name,) = sessions_on(engine, servers[1], 1)
            servers[1].faults.answering.clear()
            check_exact([1], PARAMS, await engine.generate([1], PARAMS, name), tmp_path)
            assert states(engine) == ["live", "dead"]

    run(main())


@pytest.mark.parametrize("way", ["checkpoint", "lora"])
@pytest.mark.parametrize("release", ["0.22.0", "0.32.0"])
def test_a_replica_that_was_started_anew_is_not_used_before_it_is_verified(
    release: str, way: str, tmp_path: Path
) -> None:
    """It comes back at the same address at once, with the weights that it began with."""

    async def main() -> None:
        flags = {"enable_lora": way == "lora"}
        options = {"publish": way, "lora_alpha": 4 * (way == "lora")}
        async with fleet(release, 2, **flags) as servers, engine_of(servers, tmp_path, **options) as engine:
            await publish(engine, 1, tmp_path, way)
            (name,) = sessions_on(engine, servers[1], 1)
            await engine.generate([1], PARAMS, name)
            await servers[1].die()
            reborn = FakeServer(release, ScriptedPolicy(), port=servers[1].port, **flags)
            async with reborn:
                await until(lambda: states(engine) == ["live", "stale"])
                done = await engine.generate([1, 2], PARAMS, name)
                check_exact([1, 2], PARAMS, done, tmp_path, way)
                assert set(done.versions) == {1}
                assert served(reborn) == 0
                report = await publish(engine, 2, tmp_path, way)
                assert report.replicas == 2
                assert states(engine) == ["live", "live"]
                done = await engine.generate([1, 2, 3], PARAMS, name)
                check_exact([1, 2, 3], PARAMS, done, tmp_path, way)
                assert served(reborn) == 1

    run(main())


@pytest.mark.parametrize("anew", [True, False])
def test_a_restart_between_two_health_checks_is_noticed(anew: bool, tmp_path: Path) -> None:
    """A proxy that drops idle connections looks alike, but the server then still knows what was published to it."""

    async def main() -> None:
        options = {"health_interval_s": NEVER_S}
        async with fleet("0.28.0", 2) as servers, engine_of(servers, tmp_path, **options) as engine:
            await publish(engine, 1, tmp_path)
            if anew:
                servers[1].weights.label = "default"
            before = list(servers[1]._server.server_state.connections)
            for connection in before:
                connection.transport.abort()
            if anew:
                await until(lambda: states(engine) == ["live", "stale"])
            else:
                await until(lambda: len(set(servers[1]._server.server_state.connections).difference(before)) >= 2)
                assert states(engine) == ["live", "live"]

    run(main())


def test_a_replica_that_comes_back_as_another_server_stops_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet("0.30.0", 2) as servers, engine_of(servers, tmp_path) as engine:
            await servers[1].die()
            async with FakeServer("0.32.0", ScriptedPolicy(), port=servers[1].port):
                await until(lambda: states(engine) == ["live", "stale"])
                with pytest.raises(RunStoppedError, match=rf"{servers[1].url}.*came back as another server"):
                    await publish(engine, 1, tmp_path)

    run(main())


@pytest.mark.parametrize(
    ("way", "at"),
    [
        ("checkpoint", "/pause"),
        ("checkpoint", "/collective_rpc"),
        ("checkpoint", "/weight_info"),
        ("lora", "/v1/load_lora_adapter"),
        ("nccl", "/pause"),
    ],
)
def test_a_replica_that_dies_while_weights_change_is_left_out(way: str, at: str, tmp_path: Path) -> None:
    async def main() -> None:
        flags = {"enable_lora": way == "lora"}
        options = {"publish": way, "lora_alpha": 4 * (way == "lora")}
        async with fleet(replicas=2, **flags) as servers, engine_of(servers, tmp_path, **options) as engine:
            await publish(engine, 1, tmp_path, way)
            (name,) = sessions_on(engine, servers[1], 1)
            servers[1].faults.die_at = at
            assert (await publish(engine, 2, tmp_path, way)).replicas == 1
            assert states(engine) == ["live", "dead"]
            check_exact([1], PARAMS, await engine.generate([1], PARAMS, name), tmp_path, way)

    run(main())


@pytest.mark.parametrize("at", ["/start_weight_update", "/update_weights", "/finish_weight_update"])
def test_a_replica_that_dies_in_the_middle_of_a_broadcast_stops_the_run(at: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2) as servers, engine_of(servers, tmp_path, publish="nccl") as engine:
            await publish(engine, 1, tmp_path, "nccl")
            servers[1].faults.die_at = at
            with pytest.raises(RunStoppedError, match=servers[1].url):
                await publish(engine, 2, tmp_path, "nccl")

    run(main())


@pytest.mark.parametrize("fault", ["errors", "drops"])
def test_single_failures_are_tried_again_and_cost_no_replica(fault: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path) as engine:
            setattr(servers[0].faults, fault, 2)
            check_exact([1], PARAMS, await engine.generate([1], PARAMS, "a"), tmp_path)
            assert states(engine) == ["live"]
            setattr(servers[0].faults, fault, 1000)
            with pytest.raises(InfraError, match="gave up after 4 failures"):
                await engine.generate([1], PARAMS, "a")
            assert states(engine) == ["live"]

    run(main())


def test_a_drained_replica_ends_what_it_runs_and_gets_nothing_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2, latency_s=0.005) as servers, engine_of(servers, tmp_path) as engine:
            one, two = sessions_on(engine, servers[1], 2)
            turn = asyncio.create_task(engine.generate([1], PARAMS, one))
            await servers[1].in_flight(1, tokens=2)
            engine.drain(servers[1].url)
            await engine.generate([2], PARAMS, two)
            assert engine.stats().replicas == 1
            assert [served(s) for s in servers] == [1, 1]
            assert set((await turn).versions) == {0}
            assert engine.stats().resumed == 0
            report = await publish(engine, 1, tmp_path)
            assert report.replicas == 1
            assert servers[1].weights.updates == 0
            assert not servers[1].scheduler.paused
            await servers[1].die()
            async with FakeServer("0.32.0", ScriptedPolicy(), port=servers[1].port):
                await until(lambda: states(engine)[1] == "dead")
                report = await publish(engine, 2, tmp_path)  # it is not wanted back
                assert report.replicas == 1
            with pytest.raises(UnknownNameError, match="replica"):
                engine.drain("http://nowhere:1")

    run(main())


def test_a_dead_server_at_the_start_is_left_out_until_a_publish_finds_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2) as servers:
            await servers[1].die()
            async with engine_of(servers, tmp_path) as engine:
                assert states(engine) == ["live", "dead"]
                await engine.generate([1], PARAMS, "a")
                async with FakeServer("0.32.0", ScriptedPolicy(), port=servers[1].port):
                    await until(lambda: states(engine) == ["live", "stale"])
                    assert (await publish(engine, 1, tmp_path)).replicas == 2

    run(main())


def test_servers_that_hold_different_weights_wait_for_the_first_publish(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet(replicas=2) as servers:
            servers[1].weights.label = "7"  # a run died in the middle of a publish
            async with engine_of(servers, tmp_path) as engine:
                with pytest.raises(InfraError, match=r"no replica takes requests: .*weights differ"):
                    await engine.generate([1], PARAMS, "a")
                await publish(engine, 8, tmp_path)
                check_exact([1], PARAMS, await engine.generate([1], PARAMS, "a"), tmp_path)

    run(main())


def test_tokens_of_weights_that_nobody_published_are_not_believed(tmp_path: Path) -> None:
    async def main() -> None:
        flags = {"enable_scale_out": True}
        async with fleet("0.33.0", 2, **flags) as servers, engine_of(servers, tmp_path) as engine:
            await publish(engine, 1, tmp_path)
            servers[1].weights.label = "somebody else's"
            (name,) = sessions_on(engine, servers[1], 1)
            done = await engine.generate([1], PARAMS, name)
            check_exact([1], PARAMS, done, tmp_path)
            assert engine.stats().discarded == 30
            assert engine.stats().replicas == 1

    run(main())


def test_twins_stay_with_the_replica_of_their_origin(tmp_path: Path) -> None:
    """What they share is in its cache."""

    async def main() -> None:
        async with fleet(replicas=3) as servers, engine_of(servers, tmp_path) as engine:
            (name,) = sessions_on(engine, servers[1], 1)
            elsewhere = sessions_on(engine, servers[2], 2)
            for source, twin in zip((name, elsewhere[0]), elsewhere, strict=True):
                engine.fork(source, twin)  # also the twin of a twin
            before = [len(server.seen) for server in servers]
            for twin in elsewhere:
                await engine.generate([1, 2, 3], PARAMS, twin)
            assert [len(s.seen) - b for s, b in zip(servers, before, strict=True)] == [0, 2, 0]
            engine.release(elsewhere[1])
            await engine.generate([1, 2, 3], PARAMS, elsewhere[1])
            assert len(servers[2].seen) - before[2] == 1

    run(main())
