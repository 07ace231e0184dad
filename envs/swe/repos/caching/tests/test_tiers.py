import pytest

from caching import LRUCache, Stats, TieredCache


@pytest.fixture
def cache():
    return TieredCache(LRUCache(2), LRUCache(3))


def store(cache, keys):
    for key in keys:
        cache[key] = key.upper()


def test_new_entries_are_near(cache):
    store(cache, "a")
    assert "a" in cache.near
    assert cache["a"] == "A"


def test_what_falls_out_goes_far(cache):
    store(cache, "abc")
    assert cache.near.keys() == ["b", "c"]
    assert cache.far.keys() == ["a"]


def test_what_is_found_far_comes_near(cache):
    store(cache, "abc")
    assert cache["a"] == "A"
    assert cache.near.keys() == ["c", "a"]
    assert cache.far.keys() == ["b"]


def test_what_falls_out_of_both_is_gone(cache):
    store(cache, "abcdef")
    assert len(cache) == 5
    assert "a" not in cache
    with pytest.raises(KeyError):
        cache["a"]


def test_storing_again_leaves_one_copy(cache):
    store(cache, "abc")
    cache["a"] = "new"
    assert cache["a"] == "new"
    assert "a" not in cache.far
    assert len(cache) == 3


def test_delete_near_or_far(cache):
    store(cache, "abc")
    del cache["a"]
    del cache["c"]
    assert len(cache) == 1
    assert "b" in cache
    with pytest.raises(KeyError):
        del cache["z"]


def test_stats_count_the_whole(cache):
    store(cache, "abc")
    cache["c"]
    cache["a"]
    with pytest.raises(KeyError):
        cache["z"]
    assert cache.stats == Stats(hits=2, misses=1, evictions=0)
    assert cache.near.stats.misses == 2
