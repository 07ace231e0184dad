"""Whether many sandboxes hold their limits while all are attacked at once."""

from __future__ import annotations

import asyncio

from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import MiB, SandboxSpec

MEMORY, DISK, PIDS = 96 * MiB, 24 * MiB, 48
"""Of each: small, for all of them try to use more at the same time."""
_WRITE = f"head -c {2 * DISK} /dev/zero > /workspace/file; stat -c %s /workspace/file"
_ALLOCATE = f"python3 -c 'x = b\"x\" * {2 * MEMORY}; print(len(x))'"
_FORK = f"for i in $(seq {2 * PIDS}); do sleep 60 & done"


async def attack(provider: AgentProvider, image: str, count: int) -> dict[str, int]:
    """How many of so many sandboxes held each limit, and still worked afterwards."""
    spec = SandboxSpec(image, memory=MEMORY, disk=DISK, pids=PIDS, cpu=0.5, deadline_s=120)
    async with Pool(provider, spec, ready=1, limit=count + 1) as pool:
        sandboxes = await asyncio.gather(*(pool.acquire() for _ in range(count)))
        try:
            held = await asyncio.gather(*(_attack(sandbox) for sandbox in sandboxes))
        finally:
            await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))
    return {what: sum(one[what] for one in held) for what in held[0]}


async def _attack(sandbox: Handle) -> dict[str, bool]:
    written = await sandbox.run(_WRITE, 60)
    await sandbox.run("rm -f /workspace/file", 10)
    allocated = await sandbox.run(_ALLOCATE, 60)
    forked = await sandbox.run(_FORK, 60)
    await sandbox.run("kill -9 -1", 10)  # by the shell itself: no other process could be had
    async with asyncio.timeout(60):
        while not (await sandbox.run("sleep 0", 10)).ok:
            pass  # as long as those that die are counted, no other can be started
    ended = await sandbox.run("sleep 60", 0.5)
    working = await sandbox.run("echo fine", 60)
    return {
        "disk": 0 < int(written.stdout.split()[-1]) <= DISK,
        "memory": not allocated.ok,
        "processes": b"fork" in forked.stderr,
        "time": ended.timed_out,
        "alive": working.stdout == b"fine\n",
    }
