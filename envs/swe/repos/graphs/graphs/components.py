"""Which nodes hang together, and what holds them together."""

from __future__ import annotations

from collections.abc import Iterable

from graphs.graph import Graph
from graphs.paths import reachable


class UnionFind:
    """Disjoint sets of names that can be joined."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._parent: dict[str, str] = {name: name for name in names}
        self._size: dict[str, int] = dict.fromkeys(self._parent, 1)

    def find(self, name: str) -> str:
        """The name that stands for the set of this one; an unknown one gets a set of its own."""
        if name not in self._parent:
            self._parent[name] = name
            self._size[name] = 1
        root = name
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[name] != root:
            self._parent[name], name = root, self._parent[name]
        return root

    def union(self, left: str, right: str) -> bool:
        """Join two sets; the larger one's name stays. False if they were the same."""
        left, right = self.find(left), self.find(right)
        if left == right:
            return False
        if self._size[left] < self._size[right]:
            left, right = right, left
        self._parent[right] = left
        self._size[left] += self._size[right]
        return True

    def size(self, name: str) -> int:
        """How many names are in the set of this one."""
        return self._size[self.find(name)]


def components(graph: Graph) -> list[set[str]]:
    """Sets of nodes that are connected, directions aside."""
    sets = UnionFind(graph)
    for source, target, _ in graph.edges():
        sets.union(source, target)
    found: dict[str, set[str]] = {}
    for node in graph:
        found.setdefault(sets.find(node), set()).add(node)
    return list(found.values())


def strong_components(graph: Graph) -> list[set[str]]:
    """Sets of nodes of a directed graph of which each can be reached from each."""
    backwards = graph.reversed()
    found = []
    done: set[str] = set()
    for node in graph:
        if node not in done:
            together = reachable(graph, node) & reachable(backwards, node)
            found.append(together)
            done |= together
    return found


def bridges(graph: Graph) -> list[tuple[str, str]]:
    """The edges of an undirected graph without which it falls into more components."""
    found = []
    rest = graph.subgraph(graph)
    for source, target, weight in graph.edges():
        rest.remove_edge(source, target)
        if target not in reachable(rest, source):
            found.append((source, target))
        rest.add_edge(source, target, weight)
    return found


def articulation_points(graph: Graph) -> list[str]:
    """The nodes of an undirected graph without which it falls into more components."""
    total = len(components(graph))
    found = []
    for node in graph:
        rest = graph.subgraph(other for other in graph if other != node)
        alone = not set(graph.neighbours(node)) - {node}
        if len(components(rest)) > total - alone:
            found.append(node)
    return found
