"""Trees."""

from __future__ import annotations

from graphs.components import UnionFind
from graphs.graph import Edge, Graph
from graphs.paths import dijkstra


def minimum_spanning_tree(graph: Graph, *, heaviest: bool = False) -> list[Edge]:
    """Edges of the least total weight that connect what an undirected graph connects, in the order of their weight.

    Args:
        heaviest: of the greatest total weight instead.
    """
    sets = UnionFind(graph)
    ordered = sorted(graph.edges(), key=lambda edge: edge[2], reverse=heaviest)
    return [edge for edge in ordered if sets.union(edge[0], edge[1])]


def is_tree(graph: Graph) -> bool:
    """Whether an undirected graph is connected and has no cycle; a single node is a tree, nothing is none."""
    edges = graph.edges()
    return len(edges) == len(graph) - 1 and len(minimum_spanning_tree(graph)) == len(edges)


def diameter(tree: Graph) -> int:
    """The greatest distance between two nodes of a tree.

    Raises:
        ValueError: it is no tree.
    """
    if not is_tree(tree):
        raise ValueError("the graph is no tree")
    distances, _ = dijkstra(tree, next(iter(tree)))
    farthest = max(distances, key=lambda node: distances[node])
    distances, _ = dijkstra(tree, farthest)
    return max(distances.values())
