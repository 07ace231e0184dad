"""Which replica a session belongs to: consistent hashing (Karger et al. 1997)."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from hashlib import blake2b

POINTS = 128
"""Of each node on the ring; loads then differ by about 1/√128 ≈ 9 %."""


class Ring:
    """An immutable circle of nodes. Without one of them its keys move, and no others."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self.nodes = frozenset(nodes)
        ring = sorted((_place(f"{node} {i}"), node) for node in self.nodes for i in range(POINTS))
        self._places = [place for place, _ in ring]
        self._owners = [node for _, node in ring]

    def node(self, key: str) -> str:
        """The owner of a key.

        Raises:
            LookupError: the ring is empty.
        """
        if not self._owners:
            raise LookupError("the ring is empty")
        return self._owners[bisect(self._places, _place(key)) % len(self._owners)]


def _place(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
