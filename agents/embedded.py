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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from agentrl.agents.engine import EngineStats, Probe, SyncReport
from agentrl.agents.ragged_cache import Append, RaggedCache, check_model
from agentrl.agents.sampling import sample
from agentrl.agents.weights import load_weights
from agentrl.errors import ConfigError, InfraError
from agentrl.types import Completion, FinishReason, SamplingParams

MAX_PASS_TOKENS = 4096
"""Tokens of one forward pass, padding included; longer prompts are fed in several."""
PASS_OVERHEAD_TOKENS = 64
"""Padding that costs about as much as one more forward pass of a small model on a CPU."""


@dataclass(slots=True, eq=False)
class _Request:
    """One running `generate`."""

    params: SamplingParams
    prompt_length: int
    uniforms: list[float]
    """One random number per token, drawn beforehand: sampling does not depend on what else is in the batch."""
    done: asyncio.Future[FinishReason]
    begun: float = field(default_factory=time.perf_counter)
    queue_s: float | None = None
    """Until the first pass that computed something for it."""
    logprobs: list[float] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Session:
    """One growing context. Its first `cached` ids are in the cache."""

    slot: int
    ids: list[int] = field(default_factory=list)
    cached: int = 0
    request: _Request | None = None


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
        check_model(model, self.max_context)
        self.model = model
        self.version = 0
        self._head: nn.Module = model.get_output_embeddings()
        self._rng = np.random.default_rng(seed)
        self._cache = RaggedCache()
        self._sessions: dict[str, _Session] = {}
        self._slots: list[_Session] = []
        self._pump: asyncio.Task[None] | None = None
        self._busy_s, self._tokens, self._requests = 0.0, 0, 0

    # -- the contract ------------------------------------------------------------------------------------------

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        """See `Engine.generate`.

        Raises:
            ConfigError: the prompt is empty, or prompt and `max_tokens` exceed `max_context`.
            InfraError: the device ran out of memory.
        """
        prompt = list(prompt_ids)
        self._check(len(prompt), params.max_tokens)
        held = self._sessions.get(session) or self._open(session)
        if held.request is not None:
            raise RuntimeError(f"session {session!r} is already generating")
        self._rewind(held, prompt)
        held.ids = prompt
        rng = self._rng if params.seed is None else np.random.default_rng(params.seed)
        request = held.request = _Request(
            params, len(prompt), rng.random(params.max_tokens).tolist(), asyncio.get_running_loop().create_future()
        )
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run())
            self._pump.add_done_callback(self._ended)
        try:
            reason = await request.done
        finally:
            held.request = None
        self._requests += 1
        return Completion(
            tuple(held.ids[request.prompt_length :]),
            tuple(request.logprobs),
            tuple(request.versions),
            reason,
            request.queue_s or 0.0,
        )

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        """See `Engine.score`. One forward pass without cache."""
        self._check(len(prefix_ids), len(target_ids))
        ids = torch.tensor([[*prefix_ids, *target_ids]], device=self.model.device)
        with torch.inference_mode():
            first = len(prefix_ids) - 1
            rows = torch.arange(first, ids.shape[1] - 1, device=ids.device)
            logits = self._logits(torch.zeros_like(rows), rows, input_ids=ids, use_cache=False)
            logprobs = torch.log_softmax(logits.float(), -1)
            targets = ids[0, first + 1 :, None]
            return tuple(logprobs.gather(1, targets)[:, 0].tolist())

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do: sessions end with their episodes."""

    def stats(self) -> EngineStats:
        """See `Engine.stats`."""
        return EngineStats(busy_s=self._busy_s, tokens=self._tokens, requests=self._requests)

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
        self._drop_cache()
        return SyncReport(version, replicas=1, seconds=time.perf_counter() - begun)

    def release(self, session: str) -> None:
        """Forget a session; the last slot moves into its place, so that the slots in use stay contiguous."""
        held = self._sessions.pop(session, None)
        if held is None:
            return
        if held.request is not None:
            held.request.done.cancel()
        last = self._slots.pop()
        if last is not held:
            if last.cached:
                self._cache.copy(last.slot, held.slot, last.cached)
            last.slot = held.slot
            self._slots[last.slot] = last

    def fork(self, session: str, twin: str) -> None:
        """Begin the session `twin` with a copy of what `session` has cached; from then on they share nothing."""
        source, held = self._sessions[session], self._open(twin)
        held.ids, held.cached = source.ids[: source.cached], source.cached
        self._cache.reserve(len(self._slots), 0)
        self._cache.copy(source.slot, held.slot, source.cached)

    def _open(self, session: str) -> _Session:
        held = self._sessions[session] = _Session(slot=len(self._slots))
        self._slots.append(held)
        return held

    def _drop_cache(self) -> None:
        self._cache = RaggedCache()
        for held in self._slots:
            held.cached = 0

    def _check(self, prompt: int, more: int) -> None:
        if prompt < 1 or more < 1:
            raise ConfigError("the engine needs at least one token of prompt, and one to sample or score")
        if prompt + more > self.max_context:
            raise ConfigError(
                f"{prompt} tokens of prompt and up to {more} after it exceed the context of {self.max_context}; "
                "shorten the episodes (limits) or use a model with a longer context"
            )

    # -- the pump ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Serve all requests, then end; the next `generate` starts it again."""
        while True:
            begun = time.perf_counter()
            for held in self._waiting():
                if held.request is not None and held.request.queue_s is None:
                    held.request.queue_s = begun - held.request.begun
            self._feed()
            ready = self._waiting()
            if ready:
                # Idle rows cost less than gathering the others' keys, unless they are many.
                span = 1 + max(s.slot for s in ready)
                rows = self._slots[:span] if len(ready) > span // 2 else ready
                self._advance([(s, int(s.request is not None and not s.request.done.done())) for s in rows])
            self._busy_s += time.perf_counter() - begun
            await asyncio.sleep(0)
            if not self._waiting():
                self._pump = None
                return

    def _feed(self) -> None:
        """Catch up with all that sessions have not seen; the same first prompt is computed for one of them only."""
        first: dict[tuple[int, ...], list[_Session]] = {}
        behind: list[tuple[_Session, int]] = []
        for held in self._waiting():
            if held.cached or len(held.ids) == 1:
                behind.append((held, len(held.ids) - held.cached))
            else:
                first.setdefault(tuple(held.ids), []).append(held)
        # Sessions that share a prompt all sample after its last token, which is therefore left to the next pass.
        behind += [(same[0], len(ids) - (len(same) > 1)) for ids, same in first.items()]
        for batch in _batches(behind):
            self._advance(batch)
        for leader, *others in first.values():
            for held in others:
                self._cache.copy(leader.slot, held.slot, leader.cached)
                held.cached = leader.cached

    def _waiting(self) -> list[_Session]:
        return [s for s in self._slots if s.request is not None and not s.request.done.done()]

    def _ended(self, pump: asyncio.Task[None]) -> None:
        """Hand the end of a pump that did not end by itself to everybody who waits for it."""
        error = None if pump.cancelled() else pump.exception()
        if error is None and not pump.cancelled():
            return
        if isinstance(error, torch.OutOfMemoryError):
            error = InfraError(f"the engine ran out of memory: {error}")
        for held in self._waiting():
            assert held.request is not None
            if error is None:
                held.request.done.cancel()
            else:
                held.request.done.set_exception(error)
        self._drop_cache()  # the pass that failed may have left some layers ahead of others

    def _rewind(self, held: _Session, prompt: list[int]) -> None:
        """Cut a session's cache back to what `prompt` begins with, leaving at least one token to feed."""
        keep = held.cached
        if keep >= len(prompt) or held.ids[:keep] != prompt[:keep]:
            pairs = zip(held.ids[:keep], prompt[:-1], strict=False)
            keep = next((i for i, (a, b) in enumerate(pairs) if a != b), min(keep, len(prompt) - 1))
            # A convolution's last inputs are known at the end only.
            held.cached = 0 if self._cache.has_convolutions else keep

    def _advance(self, batch: list[tuple[_Session, int]]) -> None:
        """One forward pass: feed each session that many ids, and sample for those that are then complete."""
        device = self.model.device
        width = max(count for _, count in batch)
        reach = width + max(held.cached for held, _ in batch)
        self._cache.reserve(len(self._slots), reach)
        rows = []
        for held, count in batch:
            if held.cached == 0:
                self._cache.clear_slot(held.slot)
            tail = held.ids[held.cached : held.cached + count]
            rows.append(tail + [0] * (width - count))
        slots, starts, counts = torch.tensor(
            [[held.slot for held, _ in batch], [held.cached for held, _ in batch], [count for _, count in batch]],
            device=device,
        )
        positions = starts[:, None] + torch.arange(width, device=device)
        contiguous = all(held.slot == i for i, (held, _) in enumerate(batch))
        self._cache.plan = Append(slots, contiguous, starts, counts, positions, reach)
        with torch.inference_mode():
            hidden = torch.arange(reach, device=device) > positions[:, :, None]  # (R, T, reach)
            mask = torch.zeros(hidden.shape, dtype=self.model.dtype, device=device).masked_fill_(hidden, -torch.inf)
            logits = self._logits(
                torch.arange(len(batch), device=device) if width > 1 else None,
                (counts - 1).clamp_(min=0),
                input_ids=torch.tensor(rows, device=device),
                attention_mask=mask[:, None],
                position_ids=positions.clamp(max=self.max_context - 1),  # padding may lie beyond the last one
                past_key_values=self._cache,
                use_cache=True,
            )
            for held, count in batch:
                held.cached += count
            self._sample(logits, [held for held, _ in batch])

    def _sample(self, logits: Tensor, batch: list[_Session]) -> None:
        """Sample for the rows whose ids are all cached; the others' draws are thrown away."""
        temperatures, uniforms = [], []
        for held in batch:
            r = held.request
            live = r is not None and not r.done.done() and held.cached == len(held.ids)
            temperatures.append(r.params.temperature if live and r else 1.0)
            uniforms.append(r.uniforms[len(r.logprobs)] if live and r else 0.0)
        tokens, logprobs = sample(
            logits,
            torch.tensor(temperatures, device=logits.device),
            torch.tensor(uniforms, device=logits.device, dtype=torch.float64),
        )
        for held, token, logprob in zip(batch, tokens.tolist(), logprobs.tolist(), strict=True):
            r = held.request
            if r is None or r.done.done() or held.cached < len(held.ids):
                continue
            held.ids.append(token)
            self._tokens += 1
            r.logprobs.append(logprob)
            r.versions.append(self.version)
            if token in r.params.stop_token_ids:
                r.done.set_result("stop")
            elif len(r.logprobs) == r.params.max_tokens:
                r.done.set_result("length")

    def _logits(self, rows: Tensor | None, columns: Tensor, **inputs: Any) -> Tensor:
        """(N, V) logits at the given (row, column) pairs, or of a single column if `rows` is None.

        The other positions are dropped before the output layer, whatever the model does around it.
        """
        if self.model.training:
            self.model.eval()
        if rows is None:
            logits: Tensor = self.model(**inputs).logits
            return logits[:, 0]
        hook = self._head.register_forward_pre_hook(lambda _, args: (args[0][rows, columns][:, None], *args[1:]))
        try:
            logits = self.model(**inputs).logits
        finally:
            hook.remove()
        return logits[:, 0]


def _batches(waiting: list[tuple[_Session, int]]) -> list[list[tuple[_Session, int]]]:
    """Sessions with more than one id to feed, in batches of like lengths: little padding, few passes."""
    batches: list[list[tuple[_Session, int]]] = []
    waste = 0
    for held, behind in sorted((w for w in waiting if w[1] > 1), key=lambda w: -w[1]):
        count = min(behind, MAX_PASS_TOKENS)
        if batches:
            width = batches[-1][0][1]
            waste += width - count
            if waste <= PASS_OVERHEAD_TOKENS and width * (len(batches[-1]) + 1) <= MAX_PASS_TOKENS:
                batches[-1].append((held, count))
                continue
        batches.append([(held, count)])
        waste = 0
    return batches
