import pytest

from caching import LFUCache


def test_least_used_is_thrown_away():
    cache = LFUCache(2)
    cache["a"], cache["b"] = 1, 2
    cache["a"]
    cache["c"] = 3
    assert sorted(cache) == ["a", "c"]


def test_of_equally_used_the_older_is_thrown_away():
    cache = LFUCache(2)
    cache["a"], cache["b"] = 1, 2
    cache["b"]
    cache["a"]
    cache["c"] = 3
    assert sorted(cache) == ["a", "c"]


def test_new_entry_is_not_thrown_away_for_itself():
    cache = LFUCache(1)
    cache["a"] = 1
    cache["a"]
    cache["b"] = 2
    assert list(cache) == ["b"]


def test_keys_are_in_the_order_of_eviction():
    cache = LFUCache(3)
    cache["a"], cache["b"], cache["c"] = 1, 2, 3
    cache["a"]
    assert cache.keys() == ["b", "c", "a"]


def test_replacing_evicts_nothing():
    cache = LFUCache(2)
    cache["a"], cache["b"] = 1, 2
    cache["a"] = 3
    assert cache["a"] == 3
    assert cache.stats.evictions == 0


def test_uses_count_stores_and_lookups():
    cache = LFUCache(2)
    cache["a"] = 1
    cache["a"]
    cache.get("a")
    assert cache.uses("a") == 3
    assert cache.uses("z") == 0


def test_uses_are_forgotten_with_the_entry():
    cache = LFUCache(2)
    cache["a"] = 1
    cache["a"]
    del cache["a"]
    cache["a"] = 2
    assert cache.uses("a") == 1


def test_counts_are_halved():
    cache = LFUCache(2, half_life=4)
    cache["a"] = 1
    cache["a"]
    cache["a"]
    assert cache.uses("a") == 3
    cache["b"] = 2
    assert cache.uses("a") == 1
    assert cache.uses("b") == 0


def test_old_fame_fades():
    cache = LFUCache(2, half_life=5)
    cache["old"] = 1
    cache["old"]
    cache["old"]
    cache["new"] = 2
    for _ in range(4):
        cache["new"]
    cache["third"] = 3
    assert sorted(cache) == ["new", "third"]


def test_half_life_must_be_positive():
    assert LFUCache(1, half_life=1).half_life == 1
    with pytest.raises(ValueError, match="half_life"):
        LFUCache(1, half_life=0)


def test_eviction_is_told():
    told = []
    cache = LFUCache(1, lambda *entry: told.append(entry))
    cache["a"], cache["b"] = 1, 2
    assert told == [("a", 1)]
