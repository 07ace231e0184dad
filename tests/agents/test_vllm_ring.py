"""Which replica a session belongs to."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.agents.vllm.ring import Ring

NODES = st.sets(st.integers(0, 50).map(lambda i: f"http://node-{i}:8000"), min_size=1, max_size=6)
KEYS = [f"session-{i}" for i in range(200)]


@settings(max_examples=50, deadline=None)
@given(nodes=NODES, gone=st.integers(0, 5))
def test_without_a_node_its_keys_move_and_no_others(nodes: set[str], gone: int) -> None:
    dead = sorted(nodes)[gone % len(nodes)]
    ring, rest = Ring(nodes), Ring(nodes - {dead})
    for key in KEYS:
        if ring.node(key) != dead:
            assert rest.node(key) == ring.node(key)
        elif len(nodes) > 1:
            assert rest.node(key) in nodes - {dead}


@settings(max_examples=20, deadline=None)
@given(nodes=NODES)
def test_order_does_not_matter(nodes: set[str]) -> None:
    ring, other = Ring(sorted(nodes)), Ring(sorted(nodes, reverse=True))
    assert [ring.node(key) for key in KEYS] == [other.node(key) for key in KEYS]


def test_load_is_spread() -> None:
    ring = Ring(f"http://node-{i}:8000" for i in range(8))
    loads = Counter(ring.node(f"session-{i}") for i in range(8000))
    assert len(loads) == 8
    assert max(loads.values()) < 1.5 * min(loads.values())


def test_the_place_of_a_session_is_the_same_in_every_process() -> None:
    ring = Ring(["http://a:1", "http://b:1", "http://c:1"])
    assert [ring.node(f"session-{i}")[7] for i in range(8)] == list("bccaacac")


def test_an_empty_ring_says_so() -> None:
    with pytest.raises(LookupError, match="empty"):
        Ring(()).node("session")
