"""The embedded engine: any `transformers` causal language model in this process, many sessions at once.

Concurrent `generate` calls meet in one pump. Each of its rounds first feeds what sessions have not yet seen (prompts,
observations), in batches of similar length, and then samples one token for every session that is waiting for one.
A session's keys and values stay in their slot between turns, so a turn costs its own tokens only.

Everything runs in the event loop's thread: a round is one or a few forward passes, then the coroutines whose turn is
complete go on before the next round starts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from agentrl.agents.copies import choose
from agentrl.agents.engine import EngineStats, Probe, Scores, SyncReport, check_context
from agentrl.agents.grove import Grove, offers
from agentrl.agents.lookahead.engine import Branched
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.lookahead.tree import TokenTree
from agentrl.agents.passes import Passes
from agentrl.agents.sampling import sample
from agentrl.agents.sessions import Batch, Request, Scoring, Session, batches
from agentrl.agents.slots import Slots
from agentrl.agents.weights import load_weights
from agentrl.errors import InfraError
from agentrl.types import Completion, SamplingParams


class EmbeddedEngine:
    """An `Engine` around a `transformers` model.

    Args:
        model: a causal language model on its device. It may be the trainer's own module: `publish` then only counts.
        max_context: longest context in tokens; the model's `max_position_embeddings` if not given.
        seed: of the sampling of turns whose `SamplingParams` have none.

    Raises:
        ConfigError: the cache cannot hold this architecture's state.
    """

    takes: Literal["weights"] = "weights"

    def __init__(self, model: PreTrainedModel, *, max_context: int | None = None, seed: int = 0) -> None:
        self.max_context = max_context or int(getattr(model.config, "max_position_embeddings", 1 << 20))
        self.model = model
        self.version = 0
        self._rng = np.random.default_rng(seed)
        self._passes = Passes(model, self.max_context)
        self._slots = Slots(self._passes)
        self._pump: asyncio.Task[None] | None = None
        self._busy_s, self._scoring_s, self._tokens, self._requests, self._discarded = 0.0, 0.0, 0, 0, 0

    # -- the contract ------------------------------------------------------------------------------------------

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        """See `Engine.generate`.

        Raises:
            ConfigError: the prompt is empty, or prompt and `max_tokens` exceed `max_context`.
            InfraError: the device ran out of memory.
        """
        prompt = list(prompt_ids)
        self._check(len(prompt), params.max_tokens)
        held = self._slots.get(session)
        self._slots.rewind(held, prompt)
        held.ids, held.cuts = prompt, (len(prompt),)
        rng = self._rng if params.seed is None else np.random.default_rng(params.seed)
        held.request = Request(
            params, len(prompt), rng.random(params.max_tokens).tolist(), asyncio.get_running_loop().create_future()
        )
        self._serve()
        try:
            completion = await held.completed()
        finally:
            held.request = None
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
        """See `BranchingEngine.branch`. A row that is born gets a copy of its parent's keys and values."""
        prompt = list(prompt_ids)
        self._check(len(prompt), params.max_tokens)
        tree = TokenTree(len(sessions), options, params.stop_token_ids, params.max_tokens, kept)
        seed = int(self._rng.integers(1 << 62)) if params.seed is None else params.seed
        grove = Grove(tree, self._slots, sessions[0], prompt, params, seed)
        self._serve()
        try:
            completions = await grove.harvest(sessions)
        finally:
            grove.close()
        self._requests += len(sessions)
        return Branched(tuple(completions), tree.record())

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        """See `Engine.score`. One forward pass without cache."""
        self._check(len(prefix_ids), len(target_ids))
        return tuple(self._passes.score_plainly([*prefix_ids, *target_ids], len(prefix_ids)))

    async def score_many(
        self, context_ids: Sequence[int], cuts: Sequence[int], target_ids: Sequence[int], session: str
    ) -> Scores:
        """See `Engine.score_many`. All prefixes in one forward pass, as far as memory is bounded.

        What the session has cached of the context is not computed again: after an episode, the pass feeds nothing but
        the targets.
        """
        if not cuts:
            return Scores((), self.version)
        for cut in (min(cuts), max(cuts)):
            self._check(cut, len(target_ids))
        context = list(context_ids[: max(cuts)])
        held = self._slots.get(session)
        marked = not self._passes.pads or all(cut - 1 in held.marks for cut in cuts)
        if not marked or held.cached < len(context) or held.ids[: len(context)] != context:
            self._slots.rewind(held, context)
            held.ids = context
            if not marked:
                held.cached = 0
        held.cuts = cuts
        scoring = held.scoring = Scoring(
            cuts, target_ids, asyncio.get_running_loop().create_future(), version=self.version
        )
        self._serve()
        try:
            return await scoring.done
        finally:
            held.scoring = None

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do: sessions end with their episodes."""

    def stats(self) -> EngineStats:
        """See `Engine.stats`."""
        return EngineStats(
            self._busy_s,
            self._scoring_s,
            tokens=self._tokens,
            requests=self._requests,
            discarded=self._discarded,
        )

    async def publish(self, weights: Mapping[str, Tensor], version: int, probe: Probe | None = None) -> SyncReport:
        """See `Engine.publish`. Turns in flight go on with the new weights; tensors that are our own are not copied.

        The probe is not needed: the weights are in this process.

        Raises:
            UnknownNameError: the model has no weight of that name.
            ConfigError: a weight is missing or has another shape. Nothing was changed then.
        """
        begun = time.perf_counter()
        load_weights(self.model, weights)
        self.version = version
        self._slots.drop_cache()
        return SyncReport(version, replicas=1, seconds=time.perf_counter() - begun)

    def release(self, session: str) -> None:
        """See `Engine.release`."""
        self._slots.release(session)

    def fork(self, session: str, twin: str) -> None:
        """Begin the session `twin` with a copy of what `session` has cached; from then on they share nothing."""
        held = self._slots.fork(self._slots.known(session), twin)
        held.ids = held.ids[: held.cached]

    def _check(self, prompt: int, more: int) -> None:
        check_context(prompt, more, self.max_context, "use a model with a longer context")

    # -- the pump ----------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run())
            self._pump.add_done_callback(self._ended)

    async def _run(self) -> None:
        """Serve all requests, then end; the next one starts it again."""
        while True:
            begun = time.perf_counter()
            for held in self._slots.waiting():
                if held.request is not None and held.request.queue_s is None:
                    held.request.queue_s = begun - held.request.begun
            self._feed()
            ready = self._slots.waiting()
            if ready:
                # Idle rows cost less than gathering the others' keys, unless they are many.
                span = 1 + max(s.slot for s in ready)
                rows = self._slots.first(span) if len(ready) > span // 2 else ready
                self._advance([(s, int(s.request is not None and s.request.waits)) for s in rows])
            if asking := self._slots.asking():
                asked = time.perf_counter()
                self._score(asking)
                self._scoring_s += time.perf_counter() - asked
            self._busy_s += time.perf_counter() - begun
            await asyncio.sleep(0)
            if not self._slots.waiting() and not self._slots.asking():
                self._pump = None
                return

    def _feed(self) -> None:
        """Catch up with all that sessions have not seen; the same first prompt is computed for one of them only."""
        first: dict[tuple[int, ...], list[Session]] = {}
        behind: Batch = []
        for held in self._slots.waiting():
            if held.cached or len(held.ids) == 1:
                behind.append((held, len(held.ids) - held.cached))
            else:
                first.setdefault(tuple(held.ids), []).append(held)
        # Sessions that share a prompt all sample after its last token, which is therefore left to the next pass.
        behind += [(same[0], len(ids) - (len(same) > 1)) for ids, same in first.items()]
        for batch in batches([b for b in behind if b[1] > 1]):
            self._advance(batch)
        for leader, *others in first.values():
            for held in others:
                self._passes.cache.copy(leader.slot, held.slot, leader.cached)
                held.cached = leader.cached

    def _score(self, asking: list[tuple[Session, Scoring]]) -> None:
        """One pass for those who want scores: over contexts that are not cached yet, else over copies of targets."""
        for _, scoring in asking:
            if scoring.version != self.version:
                scoring.version = self.version
                scoring.logprobs.clear()
        behind = [(held, max(scoring.cuts) - held.cached) for held, scoring in asking]
        if behind := [b for b in behind if b[1] > 0]:
            self._advance(batches(behind)[0])
            return
        shares = choose(asking, self._passes.pads, self._passes.vocabulary)
        logprobs = iter(self._passes.score(shares, len(self._slots)))
        for share in shares:
            scoring = share.scoring
            scoring.logprobs += [tuple(islice(logprobs, len(scoring.target))) for _ in share.cuts]
            if len(scoring.logprobs) == len(scoring.cuts):
                scoring.done.set_result(Scores(tuple(scoring.logprobs), scoring.version))

    def _ended(self, pump: asyncio.Task[None]) -> None:
        """Hand the end of a pump that did not end by itself to everybody who waits for it."""
        error = None if pump.cancelled() else pump.exception()
        if error is None and not pump.cancelled():
            return
        if isinstance(error, torch.OutOfMemoryError):
            error = InfraError(f"the engine ran out of memory: {error}")
        self._slots.end(error)
        self._slots.drop_cache()  # the pass that failed may have left some layers ahead of others

    def _advance(self, batch: Batch) -> None:
        """One forward pass: feed each session that many ids, and sample for those that are then complete."""
        logits = self._passes.feed(batch, len(self._slots))
        self._sample(logits, [held for held, _ in batch])

    def _sample(self, logits: Tensor, batch: list[Session]) -> None:
        """Sample for the rows whose ids are all cached; the others' draws are thrown away."""
        live = [
            (row, held, held.request)
            for row, held in enumerate(batch)
            if held.request is not None and held.request.waits and held.cached == len(held.ids)
        ]
        temperatures, uniforms = [1.0] * len(batch), [0.0] * len(batch)
        for row, _, r in live:
            temperatures[row], uniforms[row] = r.params.temperature, r.uniforms[len(r.logprobs)]
        tokens, logprobs = (
            drawn.tolist()
            for drawn in sample(
                logits,
                torch.tensor(temperatures, device=logits.device),
                torch.tensor(uniforms, device=logits.device, dtype=torch.float64),
            )
        )
        for row, held, r in live:
            if r.leader is None:
                held.take(tokens[row], logprobs[row], self.version)
                self._tokens += 1
        led = [(row, r, r.leader) for row, _, r in live if r.leader is not None]
        if not led:
            return
        widest = min(max(grove.tree.options.candidates for _, _, grove in led), logits.shape[1])
        rows = [row for row, _, _ in led]
        found = offers(logits[rows], [temperatures[row] for row in rows], widest, self.version)
        for (_, r, _), offer in zip(led, found, strict=True):
            r.offer = offer
        for grove in dict.fromkeys(grove for _, _, grove in led):
            if grove.ready:
                sampled, lost = grove.grow()
                self._tokens += sampled
                self._discarded += lost
