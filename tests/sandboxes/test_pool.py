"""Sandboxes kept ready: handed out at once, replaced, checked; and what the pool says when they cannot be had."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath

import pytest

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.process import ProcessProvider
from agentrl.sandboxes.spec import SandboxSpec
from tests.sandboxes.conftest import Place


async def filled(pool: Pool, count: int) -> None:
    async with asyncio.timeout(30):
        while pool.idle < count:
            await pool._changed.wait()


async def test_a_ready_one_comes_at_once_and_is_replaced(place: Place) -> None:
    async with Pool(place.provider, place.spec, ready=2) as pool:
        await filled(pool, 2)
        ready = [kept for _, kept in pool._idle]
        sandbox = await pool.acquire()
        assert sandbox in ready
        await sandbox.write(PurePosixPath("/workspace/a"), b"mine")
        await filled(pool, 2)
        async with await pool.acquire() as other, sandbox:
            assert other.name != sandbox.name
            assert (await other.run("ls", 5)).stdout == b""
            ready = [kept for _, kept in pool._idle]
            async with await sandbox.fork() as twin:
                assert twin in ready
                assert await twin.read(PurePosixPath("/workspace/a")) == b"mine"


async def test_a_dead_one_is_not_handed_out(place: Place) -> None:
    async with Pool(place.provider, place.spec, ready=1) as pool:
        await filled(pool, 1)
        (_, dead) = pool._idle[0]
        await dead._body.destroy()
        async with await pool.acquire() as sandbox:
            assert sandbox is not dead
            assert (await sandbox.run("echo fine", 5)).ok


async def test_the_limit_makes_others_wait(place: Place) -> None:
    async with Pool(place.provider, place.spec, ready=1, limit=2) as pool:
        first, second = await pool.acquire(), await pool.acquire()
        third = asyncio.ensure_future(pool.acquire())
        done, _ = await asyncio.wait([third], timeout=0.5)
        assert not done
        await first.close()
        async with await third, second:
            assert len({first.name, second.name, third.result().name}) == 3


class Moody(ProcessProvider):
    """A provider whose engine can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.attempts = True, 0

    async def create(self, spec: SandboxSpec) -> Handle:
        self.attempts += 1
        if self.down:
            raise SandboxError("engine_down", "no engine")
        return await super().create(spec)


async def test_when_starts_keep_failing_it_says_why_at_once_and_recovers() -> None:
    async with Moody() as provider, Pool(provider, SandboxSpec("host"), ready=3) as pool:
        for _ in range(2):
            with pytest.raises(SandboxError, match="no engine") as caught:
                await pool.acquire()
            assert caught.value.cause == "engine_down"
        attempts = provider.attempts
        with pytest.raises(SandboxError, match="no engine"):
            await pool.acquire()
        assert provider.attempts <= attempts + 1, "a request does not make it try"
        assert attempts <= 3 + 3, "it tries one at a time once it knows"
        provider.down = False
        await filled(pool, 3)
        async with await pool.acquire() as sandbox:
            assert (await sandbox.run("echo fine", 5)).ok


async def test_a_pool_that_is_closed_leaves_nothing(place: Place) -> None:
    before = set(place.provider.live)
    pool = Pool(place.provider, place.spec, ready=3)
    await filled(pool, 1)
    await pool.close()
    assert set(place.provider.live) <= before
    with pytest.raises(SandboxError) as caught:
        await pool.acquire()
    assert caught.value.cause == "closed"


async def test_numbers_that_do_not_fit_are_refused(place: Place) -> None:
    with pytest.raises(ConfigError, match="cannot keep 3 ready"):
        Pool(place.provider, place.spec, ready=3, limit=2)
    with pytest.raises(ConfigError, match="another spec"):
        await place.pool.acquire(SandboxSpec("other"))
