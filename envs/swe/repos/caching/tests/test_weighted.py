import pytest

from caching import TooHeavyError, WeightedCache


def filled(*values, max_weight=6):
    cache = WeightedCache(max_weight, len)
    for value in values:
        cache[value[0]] = value
    return cache


def test_weight_is_the_sum():
    assert filled("aa", "bbb").weight == 5


def test_exact_fit_evicts_nothing():
    assert filled("aaa", "bbb").keys() == ["a", "b"]


def test_as_many_are_evicted_as_needed():
    cache = filled("aa", "bb", "cc", "ddd")
    assert cache.keys() == ["c", "d"]
    assert cache.stats.evictions == 2


def test_lookup_makes_an_entry_recent():
    cache = filled("aa", "bb", "cc")
    cache["a"]
    cache["d"] = "dd"
    assert cache.keys() == ["c", "a", "d"]


def test_replacing_changes_the_weight():
    cache = filled("aaaa", "b")
    cache["a"] = "a"
    assert cache.weight == 2
    assert cache.keys() == ["b", "a"]


def test_replacing_by_a_heavier_value_evicts_others():
    cache = filled("aaa", "bb")
    cache["a"] = "aaaaa"
    assert cache.keys() == ["a"]


def test_too_heavy_value_changes_nothing():
    cache = filled("aaa")
    with pytest.raises(TooHeavyError, match="weighs 7"):
        cache["a"] = "aaaaaaa"
    assert cache["a"] == "aaa"


def test_value_of_all_the_weight_fits():
    assert filled("aa", "bbbbbb").keys() == ["b"]


def test_weight_must_not_be_negative():
    with pytest.raises(ValueError, match="negative"):
        WeightedCache(5, lambda value: -1)["a"] = 1


def test_value_of_no_weight_is_kept():
    cache = WeightedCache(1, lambda value: 0)
    cache["a"] = cache["b"] = 1
    assert len(cache) == 2


def test_deleting_takes_the_weight_off():
    cache = filled("aaa", "bb")
    del cache["a"]
    assert cache.weight == 2


def test_resize_keeps_the_recent():
    cache = filled("aa", "bb", "cc")
    cache.resize(4)
    assert cache.keys() == ["b", "c"]
    with pytest.raises(ValueError, match="at least 1"):
        cache.resize(0)
