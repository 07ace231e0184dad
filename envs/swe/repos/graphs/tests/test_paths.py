import pytest

from graphs import Graph, NegativeCycleError, bellman_ford, dijkstra, hops, reachable, shortest_path

ROADS = Graph([("a", "b", 4), ("a", "c", 1), ("c", "b", 2), ("b", "d", 5), ("c", "d", 8)])


def test_hops_count_edges():
    assert hops(ROADS, "a") == {"a": 0, "b": 1, "c": 1, "d": 2}


def test_hops_reach_no_other_component():
    graph = Graph([("a", "b"), ("c", "d")])
    assert hops(graph, "a") == {"a": 0, "b": 1}


def test_reachable_follows_directions():
    graph = Graph([("a", "b"), ("c", "b")], directed=True)
    assert reachable(graph, "a") == {"a", "b"}


def test_reachable_within_some_edges():
    graph = Graph([("a", "b"), ("b", "c"), ("c", "d")])
    assert reachable(graph, "a", within=2) == {"a", "b", "c"}
    assert reachable(graph, "a", within=0) == {"a"}


def test_dijkstra_prefers_the_lighter_detour():
    best, before = dijkstra(ROADS, "a")
    assert best == {"a": 0, "c": 1, "b": 3, "d": 8}
    assert before == {"c": "a", "b": "c", "d": "b"}


def test_first_of_equally_light_paths():
    graph = Graph([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    assert shortest_path(graph, "a", "d") == (2, ["a", "b", "d"])


def test_shortest_path_lists_its_nodes():
    assert shortest_path(ROADS, "a", "d") == (8, ["a", "c", "b", "d"])


def test_path_to_itself():
    assert shortest_path(ROADS, "a", "a") == (0, ["a"])


def test_no_path_against_the_direction():
    assert shortest_path(Graph([("a", "b")], directed=True), "b", "a") is None


def test_edges_of_no_weight_cost_nothing():
    graph = Graph([("a", "b", 0), ("b", "c", 0), ("a", "c", 1)], directed=True)
    assert shortest_path(graph, "a", "c") == (0, ["a", "b", "c"])


def test_dijkstra_refuses_negative_weights():
    with pytest.raises(ValueError, match="from a to b has weight -1"):
        dijkstra(Graph([("a", "b", -1)]), "a")


def test_bellman_ford_agrees_with_dijkstra():
    assert bellman_ford(ROADS, "d") == dijkstra(ROADS, "d")[0]


def test_bellman_ford_uses_negative_weights():
    graph = Graph([("b", "c", -3), ("a", "b", 4), ("a", "c", 2)], directed=True)
    assert bellman_ford(graph, "a") == {"a": 0, "b": 4, "c": 1}


def test_bellman_ford_finds_a_negative_cycle():
    graph = Graph([("a", "b", 1), ("b", "c", -2), ("c", "b", 1)], directed=True)
    with pytest.raises(NegativeCycleError, match="in reach of a"):
        bellman_ford(graph, "a")


def test_bellman_ford_ignores_a_cycle_out_of_reach():
    graph = Graph([("a", "z", 1), ("b", "c", -2), ("c", "b", 1)], directed=True)
    assert bellman_ford(graph, "a") == {"a": 0, "z": 1}
