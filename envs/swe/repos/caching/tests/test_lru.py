import pytest

from caching import LRUCache


def filled(*keys, capacity=3, on_evict=None):
    cache = LRUCache(capacity, on_evict)
    for key in keys:
        cache[key] = key.upper()
    return cache


def test_value_is_found():
    assert filled("a")["a"] == "A"


def test_oldest_entry_is_thrown_away():
    assert filled("a", "b", "c", "d").keys() == ["b", "c", "d"]


def test_lookup_makes_an_entry_recent():
    cache = filled("a", "b", "c")
    cache["a"]
    cache["d"] = "D"
    assert cache.keys() == ["c", "a", "d"]


def test_storing_again_makes_an_entry_recent():
    cache = filled("a", "b")
    cache["a"] = "new"
    assert cache.keys() == ["b", "a"]
    assert cache["a"] == "new"


def test_asking_whether_a_key_is_there_does_not_use_it():
    cache = filled("a", "b")
    assert "a" in cache
    assert cache.keys() == ["a", "b"]
    assert cache.stats.lookups == 0


def test_peek_does_not_use_an_entry():
    cache = filled("a", "b")
    assert cache.peek("a") == "A"
    assert cache.peek("z") is None
    assert cache.keys() == ["a", "b"]


def test_length_and_iteration():
    cache = filled("a", "b")
    assert len(cache) == 2
    assert list(cache) == ["a", "b"]


def test_missing_key_is_an_error():
    with pytest.raises(KeyError, match="z"):
        filled("a")["z"]


def test_get_falls_back_to_the_default():
    cache = filled("a")
    assert cache.get("a", 0) == "A"
    assert cache.get("z", 0) == 0
    assert cache.get("z") is None


def test_get_or_compute_computes_once():
    calls = []
    cache = filled()
    for _ in range(2):
        assert cache.get_or_compute("k", lambda key: calls.append(key) or key * 2) == "kk"
    assert calls == ["k"]


def test_pop_takes_an_entry_out():
    cache = filled("a")
    assert cache.pop("a") == "A"
    assert cache.pop("a", "gone") == "gone"
    assert cache.stats.lookups == 0


def test_delete():
    cache = filled("a", "b")
    del cache["a"]
    assert cache.keys() == ["b"]
    with pytest.raises(KeyError):
        del cache["a"]


def test_clear_takes_all_out():
    cache = filled("a", "b")
    cache.clear()
    assert len(cache) == 0
    assert cache.stats.evictions == 0


def test_eviction_is_told():
    told = []
    filled("a", "b", "c", on_evict=lambda *entry: told.append(entry), capacity=1)
    assert told == [("a", "A"), ("b", "B")]


def test_replacing_and_deleting_are_not_told():
    told = []
    cache = filled("a", "a", on_evict=lambda *entry: told.append(entry))
    del cache["a"]
    assert told == []


def test_resize_throws_away_the_oldest():
    cache = filled("a", "b", "c")
    cache.resize(1)
    assert cache.keys() == ["c"]
    assert cache.stats.evictions == 2


def test_resize_leaves_room():
    cache = filled("a", "b", "c")
    cache.resize(4)
    cache["d"] = "D"
    assert len(cache) == 4


def test_capacity_must_be_positive():
    assert LRUCache(1).capacity == 1
    with pytest.raises(ValueError, match="not 0"):
        LRUCache(0)
    with pytest.raises(ValueError, match="not 0"):
        filled("a").resize(0)
