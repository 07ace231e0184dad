import pytest

from graphs import Graph


def test_edges_bring_their_nodes():
    graph = Graph([("a", "b")])
    assert list(graph) == ["a", "b"]
    assert len(graph) == 2
    assert "b" in graph
    assert "c" not in graph


def test_undirected_edges_lead_both_ways():
    graph = Graph([("a", "b", 3)])
    assert graph.neighbours("a") == {"b": 3}
    assert graph.neighbours("b") == {"a": 3}


def test_directed_edges_lead_one_way():
    graph = Graph([("a", "b", 3)], directed=True)
    assert graph.weight("a", "b") == 3
    assert graph.weight("b", "a") is None


def test_weight_is_one_by_default():
    assert Graph([("a", "b")]).weight("a", "b") == 1


def test_unknown_nodes_have_no_edge():
    assert Graph().weight("a", "b") is None


def test_adding_an_edge_again_changes_its_weight():
    graph = Graph([("a", "b", 3)])
    graph.add_edge("b", "a", 5)
    assert graph.edges() == [("a", "b", 5)]


def test_adding_a_node_again_keeps_its_edges():
    graph = Graph([("a", "b")])
    graph.add_node("a")
    assert graph.neighbours("a") == {"b": 1}


def test_neighbours_are_a_copy():
    graph = Graph([("a", "b")])
    graph.neighbours("a").clear()
    assert graph.neighbours("a") == {"b": 1}


def test_removed_edge_is_gone_both_ways():
    graph = Graph([("a", "b"), ("b", "c")])
    graph.remove_edge("b", "a")
    assert graph.edges() == [("b", "c", 1)]


def test_removed_directed_edge_leaves_its_opposite():
    graph = Graph([("a", "b"), ("b", "a", 2)], directed=True)
    graph.remove_edge("a", "b")
    assert graph.edges() == [("b", "a", 2)]


def test_loop_can_be_removed():
    graph = Graph([("a", "a")])
    graph.remove_edge("a", "a")
    assert graph.edges() == []


def test_removing_a_missing_edge_is_an_error():
    with pytest.raises(KeyError):
        Graph([("a", "b")], directed=True).remove_edge("b", "a")


def test_removed_node_takes_its_edges_along():
    graph = Graph([("a", "b"), ("b", "c"), ("a", "c")])
    graph.remove_node("b")
    assert graph.edges() == [("a", "c", 1)]


def test_directed_edges_are_listed_in_both_directions():
    graph = Graph([("a", "b", 1), ("b", "a", 2)], directed=True)
    assert graph.edges() == [("a", "b", 1), ("b", "a", 2)]


def test_loop_is_listed_once():
    assert Graph([("a", "a", 4)]).edges() == [("a", "a", 4)]


def test_degree_of_undirected_graphs():
    graph = Graph([("a", "b"), ("a", "c"), ("a", "a")])
    assert graph.degree("a") == 4
    assert graph.degree("b") == 1


def test_degree_of_directed_graphs():
    graph = Graph([("a", "b"), ("c", "a"), ("a", "a")], directed=True)
    assert graph.degree("a") == 4


def test_reversed_turns_edges():
    graph = Graph([("a", "b", 2)], directed=True)
    graph.add_node("z")
    assert graph.reversed().edges() == [("b", "a", 2)]
    assert list(graph.reversed()) == ["a", "b", "z"]


def test_subgraph_keeps_edges_between_its_nodes():
    graph = Graph([("a", "b"), ("b", "c"), ("c", "a", 7)])
    assert graph.subgraph("ac").edges() == [("a", "c", 7)]
    assert list(graph.subgraph("ca")) == ["a", "c"]


def test_subgraph_keeps_the_direction():
    assert Graph([("a", "b")], directed=True).subgraph("ab").weight("b", "a") is None
