"""The graph itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Edge = tuple[str, str, int]
"""From, to, weight."""


class Graph:
    """Named nodes and weighted edges, at most one between two nodes in each direction."""

    def __init__(self, edges: Iterable[tuple[str, str] | Edge] = (), *, directed: bool = False) -> None:
        self.directed = directed
        self._next: dict[str, dict[str, int]] = {}
        for edge in edges:
            self.add_edge(*edge)

    def __contains__(self, node: object) -> bool:
        return node in self._next

    def __iter__(self) -> Iterator[str]:
        return iter(self._next)

    def __len__(self) -> int:
        return len(self._next)

    def add_node(self, node: str) -> None:
        """Add a node, unless it is there."""
        self._next.setdefault(node, {})

    def add_edge(self, source: str, target: str, weight: int = 1) -> None:
        """Add an edge, and its nodes, or give it a new weight."""
        self.add_node(source)
        self.add_node(target)
        self._next[source][target] = weight
        if not self.directed:
            self._next[target][source] = weight

    def remove_edge(self, source: str, target: str) -> None:
        """Remove an edge.

        Raises:
            KeyError: there is none.
        """
        del self._next[source][target]
        if not self.directed and source != target:
            del self._next[target][source]

    def remove_node(self, node: str) -> None:
        """Remove a node and all its edges.

        Raises:
            KeyError: there is none.
        """
        del self._next[node]
        for targets in self._next.values():
            targets.pop(node, None)

    def neighbours(self, node: str) -> dict[str, int]:
        """The weights of the edges that leave a node, by where they lead."""
        return dict(self._next[node])

    def weight(self, source: str, target: str) -> int | None:
        """The weight of an edge, or None if there is none."""
        return self._next.get(source, {}).get(target)

    def edges(self) -> list[Edge]:
        """All edges; an undirected one is listed once, from the node that was added first."""
        found: list[Edge] = []
        seen: set[str] = set()
        for source, targets in self._next.items():
            for target, weight in targets.items():
                if self.directed or target not in seen:
                    found.append((source, target, weight))
            seen.add(source)
        return found

    def degree(self, node: str) -> int:
        """How many edges end at a node, in either direction; a loop ends there twice."""
        leaving = len(self._next[node])
        if not self.directed:
            return leaving + (node in self._next[node])
        return leaving + sum(node in targets for targets in self._next.values())

    def reversed(self) -> Graph:
        """With all edges the other way round."""
        made = Graph(directed=self.directed)
        for node in self:
            made.add_node(node)
        for source, target, weight in self.edges():
            made.add_edge(target, source, weight)
        return made

    def subgraph(self, nodes: Iterable[str]) -> Graph:
        """Some of the nodes, and the edges between them."""
        kept = set(nodes)
        made = Graph(directed=self.directed)
        for node in self:
            if node in kept:
                made.add_node(node)
        for source, target, weight in self.edges():
            if source in kept and target in kept:
                made.add_edge(source, target, weight)
        return made
