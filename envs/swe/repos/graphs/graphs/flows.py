"""Flows through directed graphs whose weights are capacities, and matchings."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise

from graphs.graph import Graph
from graphs.paths import reachable


def max_flow(graph: Graph, source: str, sink: str) -> tuple[int, dict[tuple[str, str], int]]:
    """The greatest flow, and how much of it takes each edge that it takes.

    Raises:
        ValueError: source and sink are the same.
    """
    total, rest = _augmented(graph, source, sink)
    flows = {}
    for start, end, capacity in graph.edges():
        used = capacity - (rest.weight(start, end) or 0)
        if used > 0:
            flows[start, end] = used
    return total, flows


def min_cut(graph: Graph, source: str, sink: str) -> list[tuple[str, str]]:
    """Edges of the least total capacity that leave no way from source to sink when they are removed.

    Raises:
        ValueError: source and sink are the same.
    """
    _, rest = _augmented(graph, source, sink)
    near = reachable(rest, source)
    return [(start, end) for start, end, capacity in graph.edges() if start in near and end not in near and capacity]


def _augmented(graph: Graph, source: str, sink: str) -> tuple[int, Graph]:
    """The greatest flow, and what capacity it leaves in both directions."""
    if source == sink:
        raise ValueError(f"source and sink are both {source}")
    rest = Graph((edge for edge in graph.edges() if edge[2] > 0), directed=True)
    rest.add_node(source)
    rest.add_node(sink)
    total = 0
    while path := _fewest_edges(rest, source, sink):
        steps = list(pairwise(path))
        amount = min(rest.weight(start, end) or 0 for start, end in steps)
        for start, end in steps:
            left = (rest.weight(start, end) or 0) - amount
            if left > 0:
                rest.add_edge(start, end, left)
            else:
                rest.remove_edge(start, end)
            rest.add_edge(end, start, (rest.weight(end, start) or 0) + amount)
        total += amount
    return total, rest


def _fewest_edges(graph: Graph, source: str, sink: str) -> list[str] | None:
    """A path of the fewest edges; None if there is no way."""
    before: dict[str, str | None] = {source: None}
    queue = deque([source])
    while queue and sink not in before:
        node = queue.popleft()
        for target in graph.neighbours(node):
            if target not in before:
                before[target] = node
                queue.append(target)
    if sink not in before:
        return None
    path = []
    node_on_path: str | None = sink
    while node_on_path is not None:
        path.append(node_on_path)
        node_on_path = before[node_on_path]
    return path[::-1]


def match(wishes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """As many pairs as possible, each of a name and one of its wishes, and every wish granted once at most."""
    granted: dict[str, str] = {}

    def grant(name: str, tried: set[str]) -> bool:
        for wish in wishes[name]:
            if wish in tried:
                continue
            tried.add(wish)
            if wish not in granted or grant(granted[wish], tried):
                granted[wish] = name
                return True
        return False

    for name in wishes:
        grant(name, set())
    return {name: wish for wish, name in sorted(granted.items())}
