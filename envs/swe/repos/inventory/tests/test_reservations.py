import pytest

from inventory import Reservations


@pytest.fixture
def promised():
    made = Reservations()
    made.add("pen", 3, "ann", until=5)
    made.add("pen", 2, "bo")
    made.add("ink", 1, "ann", until=8)
    return made


def test_reserved_quantity(promised):
    assert promised.reserved("pen", 4) == 5
    assert promised.reserved("bag", 4) == 0


def test_reservations_hold_through_their_last_day(promised):
    assert promised.reserved("pen", 5) == 5
    assert promised.reserved("pen", 6) == 2


def test_reservations_of_a_holder(promised):
    assert [kept.number for kept in promised.of("ann", 5)] == ["pen", "ink"]
    assert [kept.number for kept in promised.of("ann", 6)] == ["ink"]


def test_ids_are_different(promised):
    assert [kept.id for kept in promised.of("ann", 1)] == [1, 3]


def test_released_reservations_are_free(promised):
    assert promised.release(1).holder == "ann"
    assert promised.reserved("pen", 1) == 2
    with pytest.raises(KeyError):
        promised.release(1)


def test_ids_are_not_used_again(promised):
    promised.release(3)
    assert promised.add("pen", 1, "cy").id == 4


def test_lapsed_reservations_are_forgotten(promised):
    assert [kept.id for kept in promised.lapse(6)] == [1]
    assert promised.lapse(6) == []


def test_quantity_must_be_positive(promised):
    with pytest.raises(ValueError, match="not 0"):
        promised.add("pen", 0, "ann")
