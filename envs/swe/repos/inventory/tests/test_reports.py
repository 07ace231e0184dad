import pytest

from inventory import (
    Article,
    Catalogue,
    Order,
    Stock,
    Warehouse,
    abc_classes,
    age_report,
    movements,
    reorder_list,
    valuation,
)
from inventory.reports import turnover_rate

PEN, INK = "40123455", "96385074"


@pytest.fixture
def stock():
    made = Stock()
    made.receive("pen", 10, 100, day=1)
    made.receive("pen", 5, 120, day=40)
    made.receive("milk", 4, 500, day=95, best_before=100)
    made.issue("pen", 2, day=50)
    return made


def test_valuation_is_what_the_stock_cost(stock):
    assert valuation(stock, 100) == {"milk": 2000, "pen": 1400}
    assert list(valuation(stock, 100)) == ["milk", "pen"]


def test_spoilt_stock_is_worth_nothing(stock):
    assert list(valuation(stock, 101).items()) == [("pen", 1400), ("milk", 0)]


def test_age_of_the_stock(stock):
    assert age_report(stock, 100) == [4, 5, 8]


def test_bounds_of_age_are_included(stock):
    assert age_report(stock, 100, (60,)) == [9, 8]
    assert age_report(stock, 100, (59,)) == [4, 13]


def test_movements_between_days(stock):
    assert movements(stock, 1, 50) == {"pen": (15, 2)}
    assert movements(stock, 2, 49) == {"pen": (5, 0)}
    assert movements(stock, 50, 95) == {"pen": (0, 2), "milk": (4, 0)}


def test_turnover_rate(stock):
    assert turnover_rate(stock, "pen", 49, 50) == pytest.approx(2 / 14)
    assert turnover_rate(stock, "pen", 50, 50) == pytest.approx(2 / 13)


def test_turnover_rate_without_stock(stock):
    assert turnover_rate(stock, "ink", 1, 10) == 0.0


def test_classes_by_turnover():
    turnover = {"a": 10, "b": 70, "c": 14, "d": 5, "e": 1}
    assert abc_classes(turnover) == {"b": "A", "c": "A", "a": "B", "d": "B", "e": "C"}


def test_classes_begin_at_their_bound():
    assert abc_classes({"a": 80, "b": 15, "c": 5}) == {"a": "A", "b": "B", "c": "C"}


def test_other_bounds_of_classes():
    assert abc_classes({"a": 5, "b": 5, "c": 5, "d": 5}, 25, 50) == {"a": "A", "b": "B", "c": "C", "d": "C"}


def test_classes_without_turnover():
    assert abc_classes({"a": 0, "b": 0}) == {"a": "C", "b": "C"}


@pytest.fixture
def warehouse():
    articles = [Article(PEN, "pen", 120, reorder_at=5, order_size=4), Article(INK, "ink", 450)]
    return Warehouse(Catalogue(articles))


def test_reorder_above_the_reorder_point(warehouse):
    assert reorder_list(warehouse, 1) == {PEN: 8, INK: 1}


def test_enough_is_not_reordered(warehouse):
    warehouse.stock.receive(PEN, 6, 100, day=1)
    warehouse.stock.receive(INK, 1, 100, day=1)
    assert reorder_list(warehouse, 1) == {}


def test_reorder_point_itself_is_too_few(warehouse):
    warehouse.stock.receive(PEN, 5, 100, day=1)
    assert reorder_list(warehouse, 1)[PEN] == 4


def test_reorder_what_orders_need(warehouse):
    warehouse.stock.receive(PEN, 20, 100, day=1)
    warehouse.stock.receive(INK, 20, 100, day=1)
    order = Order("o1", "ann")
    order.add(PEN, 18)
    warehouse.place(order, day=1)
    assert reorder_list(warehouse, 1) == {PEN: 4}
