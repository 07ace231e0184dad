import pytest

from textkit import Edit, apply, diff, invert, render

OLD = list("abcdefg")
NEW = list("abxdeg")


def test_equal_texts_have_no_edits():
    assert diff(OLD, OLD) == []


def test_replaced_and_removed_lines():
    assert diff(OLD, NEW) == [Edit(2, ("c",), ("x",)), Edit(5, ("f",), ())]


def test_added_lines_at_both_ends():
    assert diff(["b"], ["a", "b", "c"]) == [Edit(0, (), ("a",)), Edit(1, (), ("c",))]


def test_everything_is_new():
    assert diff([], ["a"]) == [Edit(0, (), ("a",))]
    assert diff(["a"], []) == [Edit(0, ("a",), ())]


def test_as_few_lines_as_possible():
    edits = diff(list("abcabba"), list("cbabac"))
    assert sum(len(edit.removed) + len(edit.added) for edit in edits) == 5


def test_of_equally_short_diffs_removal_comes_first():
    assert diff(["a", "b"], ["b", "a"]) == [Edit(0, ("a",), ()), Edit(2, (), ("a",))]


def test_edits_lead_to_the_new_text():
    assert apply(OLD, diff(OLD, NEW)) == NEW


def test_inverted_edits_lead_back():
    edits = diff(OLD, ["z", *NEW])
    assert apply(["z", *NEW], invert(edits)) == OLD


def test_edit_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="line 3"):
        apply(["a", "b", "x"], [Edit(2, ("c",), ())])


def test_overlapping_edits_are_refused():
    with pytest.raises(ValueError, match="line 2"):
        apply(["a", "b", "c"], [Edit(0, ("a", "b"), ()), Edit(1, ("b",), ())])


def test_neighbouring_edits_are_applied():
    assert apply(["a", "b"], [Edit(0, ("a",), ("x",)), Edit(1, ("b",), ("y",))]) == ["x", "y"]


def test_rendered_with_context():
    assert render(OLD, [Edit(2, ("c",), ("x",))]).split("\n") == ["...", "  b", "- c", "+ x", "  d", "..."]


def test_rendered_without_context():
    assert render(OLD, [Edit(0, ("a",), ())], context=0).split("\n") == ["- a", "..."]


def test_shared_context_is_rendered_once():
    edits = [Edit(2, ("c",), ()), Edit(4, ("e",), ())]
    assert render(OLD, edits).split("\n") == ["...", "  b", "- c", "  d", "- e", "  f", "..."]


def test_rendered_to_the_last_line():
    assert render(["a", "b"], [Edit(1, ("b",), ("c",))]).split("\n") == ["  a", "- b", "+ c"]


def test_no_edits_are_rendered_as_nothing():
    assert render(OLD, []) == ""
