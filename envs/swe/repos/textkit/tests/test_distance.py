import pytest

from textkit import closest, levenshtein, similarity
from textkit.distance import common_prefix


def test_equal_words_have_no_distance():
    assert levenshtein("same", "same") == 0


def test_distance_counts_every_kind_of_edit():
    assert levenshtein("kitten", "sitting") == 3
    assert levenshtein("abc", "ab") == 1
    assert levenshtein("ab", "abc") == 1


def test_distance_from_nothing_is_the_length():
    assert levenshtein("", "abc") == 3


def test_swapped_letters_are_two_edits():
    assert levenshtein("ab", "ba") == 2


def test_distance_within_the_limit_is_exact():
    assert levenshtein("kitten", "sitting", limit=3) == 3


def test_distance_beyond_the_limit_is_one_more():
    assert levenshtein("kitten", "sitting", limit=1) == 2
    assert levenshtein("a", "abcdef", limit=2) == 3


def test_similarity_is_a_share_of_the_longer_word():
    assert similarity("abcd", "abcx") == pytest.approx(0.75)
    assert similarity("ab", "abcd") == pytest.approx(0.5)


def test_similarity_of_nothing_to_nothing():
    assert similarity("", "") == 1.0


def test_common_prefix():
    assert common_prefix(["interval", "internal", "inter"]) == "inter"
    assert common_prefix(["interval", "intent"]) == "inte"


def test_no_common_prefix():
    assert common_prefix(["abc", "xbc"]) == ""
    assert common_prefix([]) == ""


def test_closest_come_best_first():
    assert closest("aple", ["apply", "maple", "apple"]) == ["apple", "maple", "apply"]


def test_closest_takes_no_more_than_count():
    assert closest("cat", ["bat", "rat", "hat"], count=2) == ["bat", "hat"]


def test_closest_ignores_case():
    assert closest("CAT", ["cat"], cutoff=1.0) == ["cat"]


def test_closest_drops_what_is_below_the_cutoff():
    assert closest("abcd", ["abxy", "abcx"], cutoff=0.75) == ["abcx"]
