"""The vLLM engine: one policy on one or more stock vLLM servers, with the version of each token exact.

New weights and running generations never meet unnoticed. A publish closes the gate before the servers: who comes then
waits. Generations in flight are cut, waited for, or frozen by the servers, and only then do the weights change. A cut
generation goes on from its tokens, which carry the old version, as a new request, whose tokens carry the new one.
Servers that freeze generations tell which weights sampled each token. Adapters need none of that: a request names the
one of its version to the end.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from agentrl.agents.engine import EngineStats, Probe, Scores, SyncReport, check_context
from agentrl.agents.lookahead.engine import Branched
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.fleet import Fleet
from agentrl.agents.vllm.gate import Gate
from agentrl.agents.vllm.meet import meet
from agentrl.agents.vllm.options import VLLMOptions
from agentrl.agents.vllm.publish import choose
from agentrl.agents.vllm.publish.base import Publisher, Update
from agentrl.agents.vllm.publish.nccl import Communicator
from agentrl.agents.vllm.replica import Replica, ReplicaFailedError, ReplicaLostError, ReplicaRefusedError
from agentrl.agents.vllm.stopwatch import Stopwatch
from agentrl.agents.vllm.sync import Sync
from agentrl.agents.vllm.turn import Turn, continued
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import Completion, SamplingParams

T = TypeVar("T")

__all__ = ["VLLMEngine", "VLLMOptions"]


class VLLMEngine:
    """An `Engine` of vLLM servers, release 0.22 or later.

    Args:
        options: see `VLLMOptions`.
        communicator: makes the trainer's end of an NCCL transfer; None takes the one that vLLM brings.
    """

    def __init__(self, options: VLLMOptions, *, communicator: Callable[[], Communicator] | None = None) -> None:
        self.version = 0
        self.max_context = options.max_context
        self.takes: Literal["weights", "adapters"] = "adapters" if options.way == "lora" else "weights"
        self._options, self._communicator = options, communicator
        replicas = [Replica(u, api_key=options.api_key, timeout_s=options.request_timeout_s) for u in options.urls]
        self._fleet = Fleet(replicas, interval_s=options.health_interval_s, same=self._same)
        self._gate = Gate()
        self._scoring = Stopwatch()
        self._publisher: Publisher
        self._sync: Sync
        self._base = self._model = ""
        self._labels: dict[str, int] | None = None
        """What servers call the versions; None where they do not tell which one sampled a token."""
        self._salt = _new_salt()
        self._rng = np.random.default_rng(options.seed)
        self._homes: dict[str, str] = {}
        """Of twins, the session whose replica they talk to."""
        self._running: Counter[int] = Counter()
        self._publishing = asyncio.Lock()
        self._tokens = self._requests = self._resumed = self._discarded = self._scored = 0

    # -- begin and end -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """See `Engine.start`. Servers that do not answer are left out until a publish finds them alive.

        Servers that an earlier run left paused go on. Where servers say that their weights differ, none takes requests
        before the first publish.
        """
        met = await meet(self._fleet.replicas)
        caps = met.capabilities
        self._publisher = choose(self._options, caps, self._communicator)
        mode = self._options.update
        if mode == "auto":
            mode = "keep" if caps.has("weight_spans") and "keep" in caps.pause_modes else "abort"
        if self._publisher.pauses:
            caps.require_pause(mode)
            if mode == "keep":
                caps.require("weight_spans")
            if caps.has("weight_spans"):
                self._labels = {met.label: 0}
        self._sync = Sync(self._fleet, self._gate, self._publisher, mode, self._options.tolerance)
        self.max_context = min(self.max_context or met.max_context, met.max_context)
        self._base = self._model = met.model
        self._fleet.start()

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._fleet.close()
        if hasattr(self, "_publisher"):
            await self._publisher.close()

    def stats(self) -> EngineStats:
        """See `Engine.stats`. Tokens that died with a server are not counted: nobody knows them."""
        return EngineStats(
            busy_s=self._gate.busy_s,
            scoring_s=self._scoring.seconds,
            tokens=self._tokens,
            requests=self._requests,
            resumed=self._resumed,
            discarded=self._discarded,
            replicas=len(self._fleet.live),
        )

    def fork(self, session: str, twin: str) -> None:
        """Let `twin` talk to the replica of `session`, which has cached their common prefix."""
        self._homes[twin] = self._homes.get(session, session)

    def release(self, session: str) -> None:
        """Forget whose twin it was. Servers drop what was not used for longest by themselves."""
        self._homes.pop(session, None)

    def drain(self, url: str) -> None:
        """Begin no more turns on a replica. It may be stopped as soon as those that it runs have ended.

        Raises:
            UnknownNameError: no replica has that address.
        """
        self._fleet.drain(url)

    # -- tokens --------------------------------------------------------------------------------------------------

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        """See `Engine.generate`. `queue_s` are the seconds spent before the closed gate.

        Raises:
            RunStoppedError: a server refuses the request, or a publish has failed.
        """
        self._check(len(prompt_ids), params.max_tokens)
        completion, _ = await self._generate(prompt_ids, self._seeded(params), session=session)
        self._requests += 1
        return completion

    async def branch(
        self,
        prompt_ids: Sequence[int],
        params: SamplingParams,
        sessions: Sequence[str],
        options: TokenOptions,
        kept: Callable[[int], bool] = lambda token: False,
    ) -> Branched:
        """See `BranchingEngine.branch`. One replica serves the tree, and all sessions after it.

        Raises:
            ConfigError: the temperature is neither 0 nor 1: servers tell log-probs at 1 alone of tokens that they did
                not sample at another.
            RunStoppedError: a server refuses a request, or a publish has failed.
        """
        from agentrl.agents.vllm.lookahead import Espalier  # it wants a package of the extra for training

        self._check(len(prompt_ids), params.max_tokens)
        if params.temperature not in (0.0, 1.0):
            raise ConfigError(f"trees of tokens on vLLM are sampled at temperature 1, not {params.temperature}")
        for twin in sessions[1:]:
            self.fork(sessions[0], twin)
        ask = partial(self._generate, session=sessions[0])
        espalier = Espalier(len(sessions), options, kept, prompt_ids, self._seeded(params), ask)
        branched = await espalier.grow()
        self._requests += len(sessions)
        self._tokens += espalier.chosen
        self._discarded += espalier.discarded
        return branched

    async def _generate(
        self, prompt_ids: Sequence[int], params: SamplingParams, *, session: str, top: int = 0
    ) -> tuple[Completion, list[Mapping[int, float]]]:
        """See `agentrl.agents.vllm.lookahead.Generate`; `params` have a seed."""
        assert params.seed is not None
        turn = Turn(self._homes.get(session, session))
        tokens: list[int] = []
        logprobs: list[float] = []
        versions: list[int] = []
        tops: list[Mapping[int, float]] = []
        while True:
            rest = dataclasses.replace(
                params, max_tokens=params.max_tokens - len(tokens), seed=continued(params.seed, len(tokens))
            )
            closings = self._gate.closings
            sampled, now = await self._exchange(turn, partial(self._sample, [*prompt_ids, *tokens], rest, top))
            tokens += sampled.token_ids
            logprobs += sampled.logprobs
            versions += now
            tops += sampled.tops
            reason = sampled.finish_reason
            if reason == "abort" and tokens:  # perhaps just as it ended
                if tokens[-1] in params.stop_token_ids:
                    reason = "stop"
                elif len(tokens) == params.max_tokens:
                    reason = "length"
            if reason != "abort":
                return Completion(tuple(tokens), tuple(logprobs), tuple(versions), reason, turn.waited_s), tops
            self._resumed += 1
            if self._gate.closings == closings:
                await turn.fail("a server cuts generations without being asked to")

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        """See `Engine.score`. The server samples one token more, for which the context must have room.

        Raises:
            RunStoppedError: a server refuses the request, or a publish has failed.
        """
        ids = [*prefix_ids, *target_ids]
        self._check(len(prefix_ids), len(target_ids) + 1)
        self._scored += 1
        logprobs = await self._exchange(Turn(f"score {self._scored}"), partial(self._score, ids))
        return logprobs[len(prefix_ids) - 1 :]

    async def score_many(
        self, context_ids: Sequence[int], cuts: Sequence[int], target_ids: Sequence[int], session: str
    ) -> Scores:
        """See `Engine.score_many`. One request for each prefix, side by side: servers compute every prefix anew.

        Raises:
            RunStoppedError: a server refuses a request, or a publish has failed.
        """
        with self._scoring.run():
            while True:
                await self._gate.wait()
                before = self._gate.closings, self.version
                logprobs = await asyncio.gather(*(self.score(context_ids[:cut], target_ids) for cut in cuts))
                if before == (self._gate.closings, self.version):
                    return Scores(tuple(logprobs), self.version)

    async def _exchange(self, turn: Turn, work: Callable[[Replica], Awaitable[T]]) -> T:
        """Do a piece of work at the session's replica, once the gate is open; elsewhere if that one dies."""
        while True:
            turn.waited_s += await self._gate.wait()
            replica = self._fleet.pick(turn.session)
            closings, version = self._gate.closings, self.version
            failure: InfraError
            with self._gate.inside():
                self._running[version] += 1
                try:
                    return await work(replica)
                except ReplicaRefusedError as e:
                    if e.status != 404:
                        raise RunStoppedError(str(e)) from e
                    failure = e  # it was started anew, and knows no adapter any more
                    await self._fleet.lose(replica, str(e))
                except InfraError as e:
                    failure = e
                finally:
                    self._running[version] -= 1
            if isinstance(failure, ReplicaLostError | ReplicaFailedError):
                await self._fleet.examine(replica, failure)
            if replica.state == "dead":
                self._resumed += 1
            elif self._gate.closings == closings:
                await turn.fail(failure)

    async def _sample(
        self, context: Sequence[int], params: SamplingParams, top: int, replica: Replica
    ) -> tuple[replies.Sampled, list[int]]:
        """One request, and the version of each token that it brought."""
        version, labels = self.version, self._labels
        ask, read = (wire.completion, replies.completion) if labels is None else (wire.generate, replies.generate)
        reply = await replica.send(ask(self._model, context, params, salt=self._salt, top=top))
        sampled = read(reply, params.max_tokens, top)
        count = len(sampled.token_ids)
        self._tokens += count
        if labels is None:
            return sampled, [version] * count
        if sampled.labels is None and count:
            raise RunStoppedError(f"{replica.url} does not tell which weights sampled its tokens")
        said = sampled.labels or ()
        if strange := set(said).difference(labels):
            self._discarded += count
            await self._fleet.lose(replica, f"it samples with weights {sorted(strange)}, which nobody published")
            raise ReplicaLostError(replica.why)
        return sampled, [labels[name] for name in said]

    async def _score(self, ids: Sequence[int], replica: Replica) -> tuple[float, ...]:
        reply = await replica.send(wire.score(self._model, ids, salt=self._salt))
        return replies.scores(reply, ids)

    def _seeded(self, params: SamplingParams) -> SamplingParams:
        return params if params.seed is not None else dataclasses.replace(params, seed=int(self._rng.integers(1 << 62)))

    def _check(self, prompt: int, more: int) -> None:
        check_context(prompt, more, self.max_context, "serve the model with a longer --max-model-len")

    # -- weights -------------------------------------------------------------------------------------------------

    async def publish(self, weights: Mapping[str, Any], version: int, probe: Probe | None = None) -> SyncReport:
        """See `Engine.publish`. If it fails, every turn that waits or comes raises the same RunStoppedError.

        Raises:
            ConfigError: there is no probe.
        """
        if probe is None:
            raise ConfigError("servers prove by a probe that they hold what was published: give one to publish")
        async with self._publishing:
            begun = time.perf_counter()
            await self._gate.wait()  # raises what an earlier publish failed with
            model, salt = self._publisher.model(version) or self._base, _new_salt()
            if self._labels is not None:
                self._labels[wire.label(version)] = version
            try:
                targets, gap = await self._sync.publish(Update(version, weights), probe, model, salt)
            except InfraError:  # all are dead, as turns will find out, too
                self._gate.open()
                raise
            except BaseException as e:
                self._gate.shut(e if isinstance(e, RunStoppedError) else RunStoppedError(f"a publish failed: {e!r}"))
                raise
            self.version, self._model, self._salt = version, model, salt
            holders = targets.unbroken
            self._fleet.trust(holders)
            self._gate.open()
            await self._publisher.settle(targets, {version} | {v for v, turns in self._running.items() if turns})
            return SyncReport(version, len(holders), time.perf_counter() - begun, gap)

    async def _same(self, replica: Replica) -> bool:
        try:
            return await self._publisher.holds(replica, self.version)
        except InfraError:
            return False


def _new_salt() -> str:
    """Prefixes that were cached under other weights, or by an earlier run, are none of ours."""
    return secrets.token_hex(8)
