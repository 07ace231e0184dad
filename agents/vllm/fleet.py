"""The replicas of a policy: who is alive, and which of them a session talks to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from agentrl.agents.vllm.replica import Replica
from agentrl.agents.vllm.ring import Ring
from agentrl.errors import InfraError, UnknownNameError

_log = logging.getLogger(__name__)

STRIKES = 3
"""Health checks that fail in a row before a silent replica counts as dead: a busy server may miss one."""


class Fleet:
    """Watches over replicas. A session stays with its replica until that one goes; then it moves, and only it.

    Args:
        replicas: of one policy.
        interval_s: between health checks.
        same: whether a replica whose watched connection broke still is the process that was published to.
    """

    def __init__(
        self, replicas: Sequence[Replica], *, interval_s: float, same: Callable[[Replica], Awaitable[bool]]
    ) -> None:
        self.replicas = replicas
        self._interval_s, self._same = interval_s, same
        self._ring = Ring(())
        self._tasks: list[asyncio.Task[None]] = []
        self._drained: set[str] = set()
        self._checks: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Watch from now on."""
        self._tasks = [asyncio.create_task(self._tend(replica)) for replica in self.replicas]

    async def close(self) -> None:
        tasks = [*self._tasks, *self._checks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for replica in self.replicas:
            await replica.disconnect()

    @property
    def live(self) -> list[Replica]:
        """Those that take requests."""
        return [r for r in self.replicas if r.state == "live"]

    @property
    def reachable(self) -> list[Replica]:
        """Those that a publish goes to: live, or back from the dead."""
        return [r for r in self.replicas if r.state in ("live", "stale")]

    @property
    def draining(self) -> list[Replica]:
        """Those that end what they have begun."""
        return [r for r in self.replicas if r.state == "draining"]

    def pick(self, session: str) -> Replica:
        """The replica of a session.

        Raises:
            InfraError: none is live.
        """
        live = {r.url: r for r in self.live}
        if self._ring.nodes != live.keys():
            self._ring = Ring(live)
        if not live:
            raise InfraError(f"no replica takes requests: {'; '.join(map(str, self.replicas))}")
        return live[self._ring.node(session)]

    def trust(self, replicas: Iterable[Replica]) -> None:
        """Let replicas that were verified take requests."""
        for replica in replicas:
            if replica.state == "stale":
                replica.state, replica.why = "live", ""

    def drain(self, url: str) -> None:
        """Begin nothing more on a replica, which may be stopped once what runs there has ended.

        Raises:
            UnknownNameError: no replica has that address.
        """
        for replica in self.replicas:
            if replica.url == url.rstrip("/"):
                replica.state, replica.why = "draining", "on request"
                self._drained.add(replica.url)
                return
        raise UnknownNameError("replica", url, [r.url for r in self.replicas])

    async def lose(self, replica: Replica, why: str) -> None:
        """Take a replica out; its requests break off, so that their sessions go on elsewhere."""
        _log.warning("replica %s is lost: %s", replica.url, why)
        replica.state, replica.why = "dead", why
        await replica.disconnect()

    async def examine(self, replica: Replica, complaint: InfraError) -> None:
        """Find out whether a replica that failed a request is dead. Many complaints at once make one examination."""
        if replica.state == "dead":
            return
        check = self._checks.get(replica.url)
        if check is None:
            check = self._checks[replica.url] = asyncio.create_task(self._examine(replica, str(complaint)))
            check.add_done_callback(lambda _: self._checks.pop(replica.url, None))
        await asyncio.shield(check)

    async def _examine(self, replica: Replica, complaint: str) -> None:
        if not await replica.healthy() and replica.state != "dead":
            await self.lose(replica, complaint)

    async def _tend(self, replica: Replica) -> None:
        """Watch one replica until it is drained and gone."""
        watch: asyncio.Task[None] | None = None
        strikes = 0
        try:
            while True:
                if watch is None and replica.state != "dead":
                    watch = asyncio.create_task(replica.ended())
                if watch is None:
                    await asyncio.sleep(self._interval_s)
                else:
                    await asyncio.wait({watch}, timeout=self._interval_s)
                healthy = await replica.healthy()
                if replica.state != "dead":
                    if watch is not None and watch.done():
                        watch = None
                        if not (healthy and await self._same(replica)):
                            await self.lose(replica, "its process ended")
                    else:
                        strikes = 0 if healthy else strikes + 1
                        if strikes == STRIKES:
                            await self.lose(replica, f"failed {STRIKES} health checks in a row")
                if replica.state == "dead":
                    strikes = 0
                    _end(watch)
                    watch = None
                    if replica.url in self._drained:
                        return
                    if healthy:
                        replica.state, replica.why = "stale", "was dead; the next publish verifies it"
                        replica.life += 1
                        _log.warning("replica %s answers again, and waits for the next publish", replica.url)
        finally:
            _end(watch)


def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
