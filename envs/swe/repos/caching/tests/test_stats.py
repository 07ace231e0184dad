import pytest

from caching import LRUCache, ManualClock, Stats


def test_hits_and_misses_are_counted():
    cache = LRUCache(2)
    cache["a"] = 1
    cache["a"]
    cache.get("a")
    cache.get("b")
    assert cache.stats == Stats(hits=2, misses=1)


def test_evictions_are_counted():
    cache = LRUCache(1)
    for key in "abc":
        cache[key] = 0
    assert cache.stats.evictions == 2


def test_hit_rate():
    assert Stats(3, 1).hit_rate == 0.75
    assert Stats(3, 1).lookups == 4


def test_hit_rate_before_the_first_lookup():
    assert Stats().hit_rate == 0.0


def test_reset():
    stats = Stats(1, 2, 3)
    stats.reset()
    assert stats == Stats()


def test_stats_add_up():
    assert Stats(1, 2, 3) + Stats(10, 20, 30) == Stats(11, 22, 33)


def test_clock_advances():
    clock = ManualClock(5)
    clock.advance(2.5)
    clock.advance(0)
    assert clock() == 7.5


def test_clock_does_not_go_back():
    with pytest.raises(ValueError, match="does not go back"):
        ManualClock().advance(-1)
