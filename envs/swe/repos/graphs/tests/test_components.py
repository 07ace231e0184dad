from graphs import Graph, UnionFind, articulation_points, bridges, components, strong_components

BOWTIE = Graph([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("e", "f"), ("f", "d")])


def test_sets_are_apart_at_first():
    sets = UnionFind("ab")
    assert sets.find("a") != sets.find("b")


def test_joined_sets_have_one_name():
    sets = UnionFind("abcd")
    assert sets.union("a", "b")
    assert sets.union("c", "b")
    assert sets.find("a") == sets.find("c")
    assert sets.find("a") != sets.find("d")


def test_joining_again_changes_nothing():
    sets = UnionFind("ab")
    sets.union("a", "b")
    assert not sets.union("b", "a")
    assert sets.size("a") == 2


def test_name_of_the_larger_set_stays():
    sets = UnionFind("abc")
    sets.union("a", "b")
    sets.union("c", "a")
    assert sets.find("c") == "a"


def test_size_of_sets():
    sets = UnionFind("abcd")
    sets.union("a", "b")
    sets.union("c", "d")
    sets.union("d", "a")
    assert sets.size("b") == 4


def test_unknown_name_is_alone():
    sets = UnionFind()
    assert sets.find("z") == "z"
    assert sets.size("z") == 1


def test_components_ignore_directions():
    graph = Graph([("a", "b"), ("c", "b"), ("d", "e")], directed=True)
    assert components(graph) == [{"a", "b", "c"}, {"d", "e"}]


def test_node_without_edges_is_a_component():
    graph = Graph([("a", "b")])
    graph.add_node("z")
    assert components(graph) == [{"a", "b"}, {"z"}]


def test_strong_components_follow_directions():
    graph = Graph([("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "c")], directed=True)
    assert strong_components(graph) == [{"a", "b"}, {"c", "d"}]


def test_acyclic_graph_has_single_strong_components():
    assert strong_components(Graph([("a", "b"), ("b", "c")], directed=True)) == [{"a"}, {"b"}, {"c"}]


def test_bridge_between_two_cycles():
    assert bridges(BOWTIE) == [("c", "d")]


def test_every_edge_of_a_tree_is_a_bridge():
    graph = Graph([("a", "b"), ("b", "c")])
    assert bridges(graph) == [("a", "b"), ("b", "c")]


def test_looking_for_bridges_changes_nothing():
    graph = Graph([("a", "b", 5), ("b", "b", 2)])
    assert bridges(graph) == [("a", "b")]
    assert graph.edges() == [("a", "b", 5), ("b", "b", 2)]


def test_articulation_points_hold_cycles_together():
    assert articulation_points(BOWTIE) == ["c", "d"]


def test_ends_of_a_path_are_no_articulation_points():
    assert articulation_points(Graph([("a", "b"), ("b", "c")])) == ["b"]


def test_lonely_node_is_no_articulation_point():
    graph = Graph([("a", "b"), ("c", "c")])
    assert articulation_points(graph) == []
