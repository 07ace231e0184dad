import pytest

from graphs import Graph, match, max_flow, min_cut

PIPES = Graph(
    [("s", "a", 10), ("s", "b", 5), ("a", "b", 15), ("a", "t", 4), ("b", "t", 10)],
    directed=True,
)


def test_greatest_flow():
    total, flows = max_flow(PIPES, "s", "t")
    assert total == 14
    assert flows["a", "t"] == 4
    assert flows["b", "t"] == 10


def test_what_flows_in_flows_out():
    _, flows = max_flow(PIPES, "s", "t")
    for node in "ab":
        into = sum(amount for (_, end), amount in flows.items() if end == node)
        out_of = sum(amount for (start, _), amount in flows.items() if start == node)
        assert into == out_of


def test_flow_can_be_taken_back():
    crossing = Graph(
        [("s", "a", 1), ("s", "b", 1), ("a", "b", 1), ("a", "t", 1), ("b", "t", 1)],
        directed=True,
    )
    assert max_flow(crossing, "s", "t")[0] == 2


def test_flow_along_a_detour_is_moved():
    graph = Graph(
        [
            ("s", "a", 1),
            ("a", "d", 1),
            ("d", "t", 1),
            ("s", "b", 1),
            ("b", "c", 1),
            ("c", "d", 1),
            ("a", "e", 1),
            ("e", "f", 1),
            ("f", "t", 1),
        ],
        directed=True,
    )
    total, flows = max_flow(graph, "s", "t")
    assert total == 2
    assert ("a", "d") not in flows
    assert flows["a", "e"] == 1


def test_no_way_no_flow():
    assert max_flow(Graph([("a", "s", 3), ("t", "a", 3)], directed=True), "s", "t") == (0, {})


def test_source_and_sink_may_have_no_edges():
    assert max_flow(Graph(directed=True), "s", "t") == (0, {})


def test_edges_of_no_capacity_are_not_used():
    assert max_flow(Graph([("s", "t", 0)], directed=True), "s", "t") == (0, {})


def test_source_is_not_the_sink():
    with pytest.raises(ValueError, match="both s"):
        max_flow(PIPES, "s", "s")


def test_cut_has_the_capacity_of_the_flow():
    cut = min_cut(PIPES, "s", "t")
    assert cut == [("a", "t"), ("b", "t")]


def test_cut_nearest_to_the_source():
    assert min_cut(Graph([("s", "a", 1), ("a", "t", 1)], directed=True), "s", "t") == [("s", "a")]


def test_cut_of_what_is_apart_is_empty():
    assert min_cut(Graph([("s", "a"), ("b", "t")], directed=True), "s", "t") == []


def test_everyone_gets_a_wish():
    wishes = {"ann": ["tea", "milk"], "bo": ["tea"], "cy": ["milk", "water"]}
    assert match(wishes) == {"ann": "milk", "bo": "tea", "cy": "water"}


def test_wish_is_granted_once():
    assert match({"ann": ["tea"], "bo": ["tea"]}) == {"ann": "tea"}


def test_nobody_wishes_nothing():
    assert match({"ann": []}) == {}
