import pytest

from inventory import OutOfStockError, Stock
from inventory.stock import Movement


@pytest.fixture
def stock():
    made = Stock()
    made.receive("pen", 10, 100, day=1)
    made.receive("pen", 5, 120, day=3)
    made.receive("milk", 4, 50, day=2, best_before=6)
    made.receive("milk", 4, 60, day=1, best_before=9)
    return made


def test_quantity_adds_lots(stock):
    assert stock.quantity("pen", 5) == 15
    assert stock.quantity("ink", 5) == 0


def test_spoilt_lots_do_not_count(stock):
    assert [stock.quantity("milk", day) for day in (6, 7, 9, 10)] == [8, 4, 4, 0]


def test_first_in_first_out(stock):
    assert stock.issue("pen", 12, day=4) == 10 * 100 + 2 * 120
    assert stock.quantity("pen", 4) == 3


def test_what_spoils_first_is_issued_first(stock):
    assert stock.issue("milk", 5, day=4) == 4 * 50 + 60


def test_spoilt_lots_are_not_issued(stock):
    assert stock.issue("milk", 2, day=8) == 2 * 60


def test_lots_that_spoil_come_before_those_that_do_not(stock):
    stock.receive("milk", 1, 10, day=0)
    assert [lot.cost for lot in stock.lots("milk")] == [50, 60, 10]


def test_too_few_are_left_alone(stock):
    with pytest.raises(OutOfStockError, match="16 of pen are wanted, 15 available") as caught:
        stock.issue("pen", 16, day=4)
    assert caught.value.missing == 1
    assert stock.quantity("pen", 4) == 15


def test_all_can_be_issued(stock):
    stock.issue("pen", 15, day=4)
    assert stock.lots("pen") == []
    assert stock.numbers() == ["milk"]


def test_quantities_must_be_positive(stock):
    with pytest.raises(ValueError, match="not 0"):
        stock.issue("pen", 0, day=4)
    with pytest.raises(ValueError, match="not 0"):
        stock.receive("pen", 0, 100, day=4)


def test_cost_must_not_be_negative(stock):
    assert stock.receive("gift", 1, 0, day=4).cost == 0
    with pytest.raises(ValueError, match="cost"):
        stock.receive("pen", 1, -1, day=4)


def test_spoilt_goods_are_not_received(stock):
    stock.receive("milk", 1, 10, day=5, best_before=5)
    with pytest.raises(ValueError, match="best before day 4"):
        stock.receive("milk", 1, 10, day=5, best_before=4)


def test_history_tells_what_moved(stock):
    stock.issue("pen", 2, day=4, reason="sold")
    assert stock.history[0] == Movement(1, "pen", 10, "received")
    assert stock.history[-1] == Movement(4, "pen", -2, "sold")


def test_counting_fewer_is_a_loss(stock):
    assert stock.count("pen", 13, day=4) == -2
    assert stock.quantity("pen", 4) == 13
    assert stock.history[-1] == Movement(4, "pen", -2, "lost")


def test_counting_more_is_a_find(stock):
    assert stock.count("pen", 16, day=4) == 1
    assert stock.lots("pen")[-1].cost == 120
    assert stock.history[-1] == Movement(4, "pen", 1, "found")


def test_counting_the_same_changes_nothing(stock):
    before = len(stock.history)
    assert stock.count("pen", 15, day=4) == 0
    assert len(stock.history) == before


def test_counting_something_new(stock):
    assert stock.count("ink", 2, day=4) == 2
    assert stock.lots("ink")[0].cost == 0


def test_counting_below_nothing_is_refused(stock):
    with pytest.raises(ValueError, match="counted -1"):
        stock.count("pen", -1, day=4)


def test_spoilt_goods_are_discarded(stock):
    assert stock.discard_spoilt(day=7) == {"milk": 4}
    assert [lot.cost for lot in stock.lots("milk")] == [60]
    assert stock.history[-1] == Movement(7, "milk", -4, "spoilt")
    assert stock.discard_spoilt(day=7) == {}
