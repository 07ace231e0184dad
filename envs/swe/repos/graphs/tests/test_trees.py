import pytest

from graphs import Graph, diameter, minimum_spanning_tree
from graphs.trees import is_tree

ROADS = Graph([("a", "b", 4), ("a", "c", 1), ("c", "b", 2), ("b", "d", 5), ("c", "d", 8)])


def test_minimum_spanning_tree_leaves_the_heavy_edges():
    assert minimum_spanning_tree(ROADS) == [("a", "c", 1), ("b", "c", 2), ("b", "d", 5)]


def test_maximum_spanning_tree():
    assert minimum_spanning_tree(ROADS, heaviest=True) == [("c", "d", 8), ("b", "d", 5), ("a", "b", 4)]


def test_spanning_forest_of_several_components():
    graph = Graph([("a", "b", 2), ("c", "d", 1)])
    assert minimum_spanning_tree(graph) == [("c", "d", 1), ("a", "b", 2)]


def test_tree_has_no_cycle():
    assert is_tree(Graph([("a", "b"), ("b", "c")]))
    assert not is_tree(Graph([("a", "b"), ("b", "c"), ("c", "a")]))


def test_tree_is_connected():
    assert not is_tree(Graph([("a", "b"), ("c", "d")]))
    assert not is_tree(Graph([("a", "b"), ("b", "c"), ("c", "a"), ("d", "d")]))


def test_single_node_is_a_tree_and_nothing_is_none():
    graph = Graph()
    assert not is_tree(graph)
    graph.add_node("a")
    assert is_tree(graph)


def test_diameter_need_not_pass_the_first_node():
    assert diameter(Graph([("a", "b", 1), ("b", "c", 4), ("b", "d", 3), ("d", "e", 2)])) == 9


def test_diameter_of_a_single_node():
    graph = Graph()
    graph.add_node("a")
    assert diameter(graph) == 0


def test_diameter_of_a_cycle_is_refused():
    with pytest.raises(ValueError, match="no tree"):
        diameter(ROADS)
