"""Orders of directed graphs, and the cycles that prevent them."""

from __future__ import annotations

from collections import deque

from graphs.graph import Graph


class CycleError(ValueError):
    """There is no order; `cycle` says why, its first node being repeated at the end."""

    def __init__(self, cycle: list[str]) -> None:
        super().__init__(" -> ".join(cycle))
        self.cycle = cycle


def find_cycle(graph: Graph) -> list[str] | None:
    """The nodes of a cycle of a directed graph, the first one again at the end; None if there is none."""
    done: set[str] = set()
    for start in graph:
        if start in done:
            continue
        path = [start]
        pending = [list(graph.neighbours(start))]
        while path:
            if not pending[-1]:
                done.add(path.pop())
                pending.pop()
                continue
            node = pending[-1].pop(0)
            if node in path:
                return [*path[path.index(node) :], node]
            if node not in done:
                path.append(node)
                pending.append(list(graph.neighbours(node)))
    return None


def layers(graph: Graph) -> list[list[str]]:
    """Nodes by the number of edges on the longest way to them; those of a layer do not depend on each other.

    Raises:
        CycleError: the graph has a cycle.
    """
    waiting = dict.fromkeys(graph, 0)
    for _, target, _ in graph.edges():
        waiting[target] += 1
    found = []
    layer = [node for node in graph if waiting[node] == 0]
    while layer:
        found.append(layer)
        following = []
        for node in layer:
            for target in graph.neighbours(node):
                waiting[target] -= 1
                if waiting[target] == 0:
                    following.append(target)
        layer = following
    if sum(map(len, found)) < len(graph):
        raise CycleError(find_cycle(graph) or [])
    return found


def topological_order(graph: Graph) -> list[str]:
    """All nodes, each after those with edges to it.

    Raises:
        CycleError: the graph has a cycle.
    """
    return [node for layer in layers(graph) for node in layer]


def longest_path(graph: Graph) -> tuple[int, list[str]]:
    """The greatest sum of weights along a path, and its nodes; the empty path of an empty graph.

    Raises:
        CycleError: the graph has a cycle.
    """
    length: dict[str, int] = {}
    before: dict[str, str] = {}
    for node in topological_order(graph):
        length.setdefault(node, 0)
        for target, weight in graph.neighbours(node).items():
            if length[node] + weight > length.get(target, 0):
                length[target] = length[node] + weight
                before[target] = node
    if not length:
        return 0, []
    end = max(length, key=lambda node: length[node])
    path = deque([end])
    while path[0] in before:
        path.appendleft(before[path[0]])
    return length[end], list(path)
