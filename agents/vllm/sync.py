"""One publish: stop, transfer, verify, go on. What fails stops the run, and nothing goes on unverified."""

from __future__ import annotations

from typing import Literal

from agentrl.agents.engine import Probe
from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.fleet import Fleet
from agentrl.agents.vllm.gate import Gate
from agentrl.agents.vllm.publish.base import Publisher, Targets, Update
from agentrl.agents.vllm.replica import Replica
from agentrl.agents.vllm.verify import Verifier
from agentrl.errors import ConfigError, RunStoppedError

Mode = Literal["keep", "abort", "wait"]

ABORT_AGAIN_S = 0.5
"""A request that reaches a server just after it paused waits there until it is aborted, too."""


class Sync:
    """Brings updates to all replicas that can be reached."""

    def __init__(self, fleet: Fleet, gate: Gate, publisher: Publisher, mode: Mode, tolerance: float) -> None:
        self.fleet, self.gate, self.publisher, self.mode = fleet, gate, publisher, mode
        self._verifier = Verifier(tolerance)

    async def publish(self, update: Update, probe: Probe, model: str, salt: str) -> tuple[Targets, float]:
        """Bring an update to the replicas; the caller then takes it into use, and opens the gate.

        Args:
            update: what they shall hold.
            probe: how the trainer finds out whether they do.
            model: name under which they serve it.
            salt: of their prefix caches, from now on.

        Returns:
            The replicas that proved to hold it, and the largest distance of one to the trainer.

        Raises:
            RunStoppedError: a replica that is alive did not do its part, or does not hold what was published.
            InfraError: none is left.
        """
        targets = Targets(self.fleet.reachable, self.fleet.lose)
        await targets.each("looking at what came back", self._recognise)
        await self.publisher.prepare(targets, update)
        if self.publisher.pauses:
            everyone = Targets([*targets.replicas, *self.fleet.draining], self.fleet.lose)
            await self._halt(everyone)
            targets.replicas = [r for r in targets.replicas if r in everyone.replicas]
            await self.publisher.transfer(targets, update)
            await everyone.each("resuming", lambda r: r.send(wire.resume(r.capabilities)))
            targets.replicas = [r for r in targets.replicas if r in everyone.replicas]
        return targets, await self._verify(targets, update, probe, model, salt)

    async def _recognise(self, replica: Replica) -> None:
        """A server that was started anew must be the same kind of server; its weights are seen to later."""
        if replica.state == "stale":
            before = replica.capabilities
            await replica.probe()
            if replica.capabilities != before:
                raise ConfigError(f"it came back as another server ({replica.capabilities.version}, or other flags)")

    async def _halt(self, everyone: Targets) -> None:
        """Close the gate, and see that no server computes anything for us."""

        async def pause(replica: Replica) -> None:
            caps = replica.capabilities
            await replica.send(wire.pause(caps, self.mode, clear_cache=self.mode != "keep"))

        self.gate.close()
        if self.mode == "wait":
            await self.gate.emptied()
        await everyone.each("pausing", pause)
        while self.mode == "abort" and not await self.gate.emptied(ABORT_AGAIN_S):
            await everyone.each("pausing", pause)

    async def _verify(self, targets: Targets, update: Update, probe: Probe, model: str, salt: str) -> float:
        async def ask(replica: Replica) -> tuple[float, ...]:
            if self.publisher.pauses and replica.capabilities.has("weight_version"):
                label = replies.weight_version(await replica.send(wire.WEIGHT_INFO))
                if label != wire.label(update.version):
                    raise RunStoppedError(f"it says that its weights are version {label!r}, not {update.version}")
            call = wire.score(model, probe.token_ids, salt=salt)
            return replies.scores(await replica.send(call), probe.token_ids)

        answers = await targets.each("verifying", ask)
        return self._verifier.judge(update.version, probe, {r.url: answer for r, answer in answers.items()})
