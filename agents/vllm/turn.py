"""What one piece of work for a session goes through, until it is done or given up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from agentrl.errors import InfraError

FAILURES = 4
"""Of one turn, at replicas that are alive, after which it is given up."""
PAUSE_S = 0.2
"""After such a failure."""


@dataclass(slots=True)
class Turn:
    """What one request of tokens or scores has been through."""

    session: str
    waited_s: float = 0.0
    failures: int = 0

    async def fail(self, error: object) -> None:
        """Wait a little, unless that was one failure too many.

        Raises:
            InfraError: it was.
        """
        self.failures += 1
        if self.failures == FAILURES:
            raise InfraError(f"gave up after {FAILURES} failures, the last: {error}")
        await asyncio.sleep(PAUSE_S)


def continued(seed: int, tokens: int) -> int:
    """The seed of a generation that goes on after `tokens`: the same numbers again would repeat its luck."""
    if not tokens:
        return seed
    return int(np.random.SeedSequence([seed % (1 << 63), tokens]).generate_state(1, np.uint64)[0])
