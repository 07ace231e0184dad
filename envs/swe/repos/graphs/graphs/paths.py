"""Ways through a graph."""

from __future__ import annotations

import heapq
from collections import deque

from graphs.graph import Graph


class NegativeCycleError(ValueError):
    """Going round in a circle makes paths ever shorter."""


def hops(graph: Graph, start: str) -> dict[str, int]:
    """The fewest edges from the start to every node in reach."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in graph.neighbours(node):
            if target not in found:
                found[target] = found[node] + 1
                queue.append(target)
    return found


def reachable(graph: Graph, start: str, *, within: int | None = None) -> set[str]:
    """All nodes in reach, the start included, by at most `within` edges."""
    return {node for node, count in hops(graph, start).items() if within is None or count <= within}


def dijkstra(graph: Graph, start: str) -> tuple[dict[str, int], dict[str, str]]:
    """The least sum of weights to every node in reach, and the node before it on such a path.

    Raises:
        ValueError: an edge on the way has a negative weight.
    """
    best = {start: 0}
    before: dict[str, str] = {}
    done: set[str] = set()
    queue = [(0, 0, start)]
    pushed = 0
    while queue:
        distance, _, node = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        for target, weight in graph.neighbours(node).items():
            if weight < 0:
                raise ValueError(f"the edge from {node} to {target} has weight {weight}: use bellman_ford")
            longer = distance + weight
            if target not in best or longer < best[target]:
                best[target] = longer
                before[target] = node
                pushed += 1
                heapq.heappush(queue, (longer, pushed, target))
    return best, before


def shortest_path(graph: Graph, start: str, end: str) -> tuple[int, list[str]] | None:
    """The least sum of weights, and the nodes of such a path; None if there is no way.

    Raises:
        ValueError: an edge on the way has a negative weight.
    """
    best, before = dijkstra(graph, start)
    if end not in best:
        return None
    path = [end]
    while path[-1] != start:
        path.append(before[path[-1]])
    path.reverse()
    return best[end], path


def bellman_ford(graph: Graph, start: str) -> dict[str, int]:
    """The least sum of weights to every node in reach; weights may be negative.

    Raises:
        NegativeCycleError: there is no least sum. An undirected edge of negative weight is such a cycle.
    """
    best = {start: 0}
    edges = graph.edges()
    if not graph.directed:
        edges += [(target, source, weight) for source, target, weight in edges]
    for _ in range(len(graph)):
        changed = False
        for source, target, weight in edges:
            if source in best and (target not in best or best[source] + weight < best[target]):
                best[target] = best[source] + weight
                changed = True
        if not changed:
            return best
    raise NegativeCycleError(f"a cycle of negative weight is in reach of {start}")
