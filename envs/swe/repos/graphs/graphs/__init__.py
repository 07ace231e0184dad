"""Graphs with weights, and the classic algorithms on them."""

from graphs.components import UnionFind, articulation_points, bridges, components, strong_components
from graphs.flows import match, max_flow, min_cut
from graphs.graph import Graph
from graphs.order import CycleError, find_cycle, layers, longest_path, topological_order
from graphs.paths import NegativeCycleError, bellman_ford, dijkstra, hops, reachable, shortest_path
from graphs.trees import diameter, minimum_spanning_tree

__all__ = [
    "CycleError",
    "Graph",
    "NegativeCycleError",
    "UnionFind",
    "articulation_points",
    "bellman_ford",
    "bridges",
    "components",
    "diameter",
    "dijkstra",
    "find_cycle",
    "hops",
    "layers",
    "longest_path",
    "match",
    "max_flow",
    "min_cut",
    "minimum_spanning_tree",
    "reachable",
    "shortest_path",
    "strong_components",
    "topological_order",
]
