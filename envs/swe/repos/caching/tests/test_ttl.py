import pytest

from caching import ManualClock, TTLCache


@pytest.fixture
def clock():
    return ManualClock(100)


def test_young_entry_is_found(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    clock.advance(9.5)
    assert cache["a"] == 1
    assert "a" in cache


def test_entry_is_gone_at_its_deadline(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    clock.advance(10)
    assert "a" not in cache
    with pytest.raises(KeyError, match="a"):
        cache["a"]


def test_finding_an_old_entry_is_a_miss_and_an_eviction(clock):
    told = []
    cache = TTLCache(2, 10, clock, lambda *entry: told.append(entry))
    cache["a"] = 1
    clock.advance(11)
    assert cache.get("a") is None
    assert (cache.stats.misses, cache.stats.evictions) == (1, 1)
    assert told == [("a", 1)]


def test_lookup_does_not_make_young(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    clock.advance(6)
    cache["a"]
    clock.advance(6)
    assert "a" not in cache


def test_lookup_makes_young_when_sliding(clock):
    cache = TTLCache(2, 10, clock, sliding=True)
    cache["a"] = 1
    clock.advance(6)
    cache["a"]
    clock.advance(6)
    assert cache["a"] == 1


def test_storing_again_makes_young(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    clock.advance(6)
    cache["a"] = 2
    clock.advance(6)
    assert cache["a"] == 2


def test_old_entries_do_not_count(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    clock.advance(5)
    cache["b"] = 2
    clock.advance(5)
    assert len(cache) == 1
    assert list(cache) == ["b"]


def test_expire_throws_old_entries_away(clock):
    cache = TTLCache(3, 10, clock)
    cache["a"], cache["b"] = 1, 2
    clock.advance(5)
    cache["c"] = 3
    clock.advance(5)
    assert cache.expire() == 2
    assert cache.expire() == 0
    assert cache.stats.evictions == 2


def test_old_entries_make_room_first(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    cache.put("b", 2, ttl=1)
    clock.advance(2)
    cache["c"] = 3
    assert cache.keys() == ["a", "c"]


def test_capacity_is_kept_among_the_young(clock):
    cache = TTLCache(2, 10, clock)
    for key in "abc":
        cache[key] = 0
    assert cache.keys() == ["b", "c"]
    assert cache.remaining("a") == 0


def test_entry_with_a_time_of_its_own(clock):
    cache = TTLCache(2, 10, clock)
    cache.put("a", 1, ttl=30)
    clock.advance(29)
    assert cache["a"] == 1


def test_remaining_time(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    clock.advance(4)
    assert cache.remaining("a") == 6
    clock.advance(60)
    assert cache.remaining("a") == 0
    assert cache.remaining("z") == 0


def test_peek_sees_no_old_entry(clock):
    cache = TTLCache(2, 10, clock, sliding=True)
    cache["a"] = 1
    clock.advance(5)
    assert cache.peek("a") == 1
    clock.advance(5)
    assert cache.peek("a") is None


def test_times_must_be_positive(clock):
    with pytest.raises(ValueError, match="ttl"):
        TTLCache(2, 0, clock)
    with pytest.raises(ValueError, match="ttl"):
        TTLCache(2, 10, clock).put("a", 1, 0)


def test_clear_forgets_the_deadlines(clock):
    cache = TTLCache(2, 10, clock)
    cache["a"] = 1
    cache.clear()
    assert cache.remaining("a") == 0
