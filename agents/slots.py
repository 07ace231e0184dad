"""The sessions of the embedded engine: each has a slot of the cache, and the slots in use stay contiguous."""

from __future__ import annotations

import asyncio
from typing import Any

from agentrl.agents.passes import Passes
from agentrl.agents.ragged_cache import RaggedCache
from agentrl.agents.sessions import Scoring, Session


class Slots:
    """All sessions, by name and by slot.

    Args:
        passes: of the model; their cache has the slots.
    """

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._names: dict[str, Session] = {}
        self._held: list[Session] = []

    def __len__(self) -> int:
        return len(self._held)

    def first(self, count: int) -> list[Session]:
        """The sessions of the first slots."""
        return self._held[:count]

    def waiting(self) -> list[Session]:
        """Those that want a forward pass."""
        return [s for s in self._held if s.request is not None and s.request.waits]

    def asking(self) -> list[tuple[Session, Scoring]]:
        """Those that want scores."""
        return [(s, s.scoring) for s in self._held if s.scoring is not None and not s.scoring.done.done()]

    def get(self, name: str) -> Session:
        """A session that may be new.

        Raises:
            RuntimeError: it is at work.
        """
        held = self._names.get(name) or self.open(name)
        held.check_idle(name)
        return held

    def open(self, name: str) -> Session:
        """Begin a session in the next slot."""
        held = self._names[name] = Session(slot=len(self._held))
        self._held.append(held)
        return held

    def known(self, name: str) -> Session:
        """A session that there is; raises KeyError if not."""
        return self._names[name]

    def rename(self, name: str, other: str) -> None:
        self._names[other] = self._names.pop(name)

    def fork(self, source: Session, twin: str) -> Session:
        """Begin a session that stands where `source` stands; what is cached is copied."""
        held = self.open(twin)
        held.ids, held.cached = list(source.ids), source.cached
        held.cuts, held.marks = source.cuts, dict(source.marks)
        self._passes.cache.reserve(len(self._held), 0)
        self._passes.cache.copy(source.slot, held.slot, source.cached)
        return held

    def release(self, name: str) -> None:
        """Forget a session; the last slot moves into its place."""
        held = self._names.pop(name, None)
        if held is None:
            return
        for work in (held.request, held.scoring):
            if work is not None:
                work.done.cancel()
        last = self._held.pop()
        if last is not held:
            if last.cached:
                self._passes.cache.copy(last.slot, held.slot, last.cached)
            last.slot = held.slot
            self._held[last.slot] = last

    def rewind(self, held: Session, prompt: list[int]) -> None:
        """Cut a session's cache back to what `prompt` begins with, leaving at least one token to feed."""
        keep = held.cached
        if keep >= len(prompt) or held.ids[:keep] != prompt[:keep]:
            pairs = zip(held.ids[:keep], prompt[:-1], strict=False)
            keep = next((i for i, (a, b) in enumerate(pairs) if a != b), min(keep, len(prompt) - 1))
            # A convolution's last inputs are known at the end only.
            held.cached = 0 if self._passes.pads else keep
            held.marks.clear()

    def drop_cache(self) -> None:
        """Nothing that was computed is of use any more."""
        self._passes.cache = RaggedCache()
        for held in self._held:
            held.cached = 0
            held.marks.clear()

    def end(self, error: BaseException | None) -> None:
        """End all work: with an error, or cancelled."""
        for held in self._held:
            futures: list[asyncio.Future[Any]] = [w.done for w in (held.request, held.scoring) if w is not None]
            if held.request is not None and held.request.leader is not None:
                futures = [held.request.leader.over]  # nobody awaits the rows of a tree that grows
            for future in futures:
                if future.done():
                    continue
                if error is None:
                    future.cancel()
                else:
                    future.set_exception(error)
