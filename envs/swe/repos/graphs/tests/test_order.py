import pytest

from graphs import CycleError, Graph, find_cycle, layers, longest_path, topological_order

BUILD = Graph(
    [("fetch", "compile", 2), ("configure", "compile", 1), ("compile", "test", 3), ("fetch", "docs", 4)],
    directed=True,
)


def test_layers_do_not_depend_on_themselves():
    assert layers(BUILD) == [["fetch", "configure"], ["docs", "compile"], ["test"]]


def test_node_is_in_the_layer_after_its_last_dependency():
    graph = Graph([("a", "b"), ("b", "c"), ("a", "c")], directed=True)
    assert layers(graph) == [["a"], ["b"], ["c"]]


def test_topological_order_keeps_every_edge():
    order = topological_order(BUILD)
    assert sorted(order) == sorted(BUILD)
    assert all(order.index(source) < order.index(target) for source, target, _ in BUILD.edges())


def test_empty_graph_has_no_layers():
    assert layers(Graph(directed=True)) == []


def test_order_of_a_cycle_is_an_error_that_shows_it():
    graph = Graph([("z", "a"), ("a", "b"), ("b", "c"), ("c", "a")], directed=True)
    with pytest.raises(CycleError, match="a -> b -> c -> a") as caught:
        topological_order(graph)
    assert caught.value.cycle == ["a", "b", "c", "a"]


def test_graph_without_cycle():
    assert find_cycle(BUILD) is None


def test_loop_is_a_cycle():
    assert find_cycle(Graph([("a", "a")], directed=True)) == ["a", "a"]


def test_two_ways_to_a_node_are_no_cycle():
    assert find_cycle(Graph([("a", "b"), ("b", "c"), ("a", "c")], directed=True)) is None


def test_cycle_behind_a_dead_end():
    graph = Graph([("a", "b"), ("a", "c"), ("c", "d"), ("d", "c")], directed=True)
    assert find_cycle(graph) == ["c", "d", "c"]


def test_longest_path_sums_weights():
    assert longest_path(BUILD) == (5, ["fetch", "compile", "test"])


def test_longest_path_of_several_edges():
    graph = Graph([("a", "d", 5), ("a", "b", 2), ("b", "c", 2), ("c", "d", 2)], directed=True)
    assert longest_path(graph) == (6, ["a", "b", "c", "d"])


def test_longest_path_of_nothing():
    assert longest_path(Graph(directed=True)) == (0, [])


def test_longest_path_of_a_single_node():
    graph = Graph(directed=True)
    graph.add_node("a")
    assert longest_path(graph) == (0, ["a"])
