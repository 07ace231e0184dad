import pytest

from caching import LFUCache, ManualClock, TTLCache, memoise


def counted(**options):
    calls = []

    @memoise(**options)
    def add(left, right=0, **more):
        """Add."""
        calls.append((left, right))
        if left == "bad":
            raise RuntimeError("bad")
        return left + right

    return add, calls


def test_second_call_is_remembered():
    add, calls = counted()
    assert [add(1, 2), add(1, 2)] == [3, 3]
    assert calls == [(1, 2)]
    assert (add.stats.hits, add.stats.misses) == (1, 1)


def test_other_arguments_are_computed():
    add, calls = counted()
    assert [add(1, 2), add(2, 1), add(1)] == [3, 3, 1]
    assert len(calls) == 3


def test_names_are_in_no_order():
    add, calls = counted()
    add(1, right=2, third=3)
    add(1, third=3, right=2)
    assert len(calls) == 1


def test_named_arguments_matter():
    add, _ = counted()
    assert [add(1, right=2), add(1, right=3)] == [3, 4]


def test_equal_arguments_of_other_types():
    add, calls = counted()
    add(1), add(1.0)
    assert len(calls) == 1


def test_typed_arguments():
    add, calls = counted(typed=True)
    add(1), add(1.0), add(1, right=True), add(1, right=1)
    assert len(calls) == 4


def test_own_key():
    add, _ = counted(key=lambda left, right=0: left % 10)
    assert [add(3), add(13), add(4)] == [3, 3, 4]


def test_errors_are_not_remembered():
    add, calls = counted()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            add("bad")
    assert len(calls) == 2


def test_capacity():
    add, calls = counted(capacity=1)
    add(1), add(2), add(1)
    assert len(calls) == 3


def test_own_cache():
    cache = LFUCache(5)
    add, _ = counted(cache=cache)
    add(1)
    assert len(cache) == 1


def test_empty_cache_of_its_own_is_used():
    clock = ManualClock()
    add, calls = counted(cache=TTLCache(5, 10, clock))
    add(1)
    clock.advance(10)
    add(1)
    assert len(calls) == 2


def test_forget_a_call():
    add, calls = counted()
    add(1, 2)
    assert add.forget(1, 2)
    assert not add.forget(1, 2)
    add(1, 2)
    assert len(calls) == 2


def test_decorated_function_keeps_its_name():
    add, _ = counted()
    assert add.__name__ == "add"
    assert add.__doc__ == "Add."
