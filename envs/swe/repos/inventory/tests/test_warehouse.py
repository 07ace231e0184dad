import pytest

from inventory import Article, Catalogue, Order, OutOfStockError, StateError, UnknownArticleError, Warehouse

PEN, INK = "40123455", "96385074"


@pytest.fixture
def warehouse():
    made = Warehouse(Catalogue([Article(PEN, "pen", 120), Article(INK, "ink", 450)]), hold_days=3)
    made.stock.receive(PEN, 10, 100, day=1)
    made.stock.receive(INK, 2, 300, day=1)
    return made


def order(order_id, **quantities):
    made = Order(order_id, "ann")
    for name, quantity in quantities.items():
        made.add({"pen": PEN, "ink": INK}[name], quantity)
    return made


def test_placing_reserves(warehouse):
    assert warehouse.place(order("o1", pen=4), day=2) == {}
    assert warehouse.available(PEN, 2) == 6


def test_stock_is_held_for_some_days(warehouse):
    warehouse.place(order("o1", pen=4), day=2)
    assert warehouse.available(PEN, 5) == 6
    assert warehouse.available(PEN, 6) == 10


def test_available_is_never_negative(warehouse):
    warehouse.reservations.add(PEN, 12, "x")
    assert warehouse.available(PEN, 2) == 0


def test_what_is_promised_is_not_sold_again(warehouse):
    warehouse.place(order("o1", pen=7), day=2)
    with pytest.raises(OutOfStockError, match="4 of 40123455 are wanted, 3 available"):
        warehouse.place(order("o2", pen=4), day=2)
    assert "o2" not in warehouse.orders


def test_exactly_what_is_available_is_sold(warehouse):
    assert warehouse.place(order("o1", pen=10), day=2) == {}


def test_refused_order_stays_a_draft(warehouse):
    refused = order("o1", pen=1, ink=3)
    with pytest.raises(OutOfStockError):
        warehouse.place(refused, day=2)
    assert refused.state == "draft"
    assert warehouse.available(PEN, 2) == 10


def test_order_may_be_accepted_partly(warehouse):
    assert warehouse.place(order("o1", pen=1, ink=3), day=2, partly=True) == {INK: 1}
    assert warehouse.available(INK, 2) == 0


def test_nothing_is_reserved_of_what_is_missing(warehouse):
    warehouse.place(order("o1", ink=2), day=2)
    assert warehouse.place(order("o2", ink=1), day=2, partly=True) == {INK: 1}
    assert warehouse.reservations.of("o2", 2) == []


def test_unknown_article(warehouse):
    wrong = Order("o1", "ann")
    wrong.add("4006381333931", 1)
    with pytest.raises(UnknownArticleError):
        warehouse.place(wrong, day=2)


def test_shipping_issues_and_releases(warehouse):
    warehouse.place(order("o1", pen=4, ink=1), day=2)
    assert warehouse.ship("o1", day=3) == 4 * 100 + 300
    assert warehouse.orders["o1"].state == "shipped"
    assert warehouse.available(PEN, 3) == 6
    assert warehouse.stock.history[-1].reason == "o1"


def test_shipping_leaves_what_is_promised_to_others(warehouse):
    warehouse.place(order("o1", ink=2), day=2)
    warehouse.place(order("o2", pen=1, ink=2), day=2, partly=True)
    warehouse.ship("o2", day=2)
    assert warehouse.orders["o2"].state == "partial"
    assert warehouse.stock.quantity(INK, 2) == 2


def test_rest_is_shipped_when_it_came_in(warehouse):
    warehouse.place(order("o1", ink=3), day=2, partly=True)
    warehouse.ship("o1", day=2)
    warehouse.stock.receive(INK, 5, 310, day=4)
    assert warehouse.ship("o1", day=4) == 310
    assert warehouse.orders["o1"].state == "shipped"


def test_nothing_to_ship(warehouse):
    warehouse.place(order("o1", ink=2), day=2)
    warehouse.place(order("o2", ink=1), day=2, partly=True)
    with pytest.raises(OutOfStockError, match="1 of 96385074 are wanted, 0 available"):
        warehouse.ship("o2", day=2)


def test_cancelling_frees_stock(warehouse):
    warehouse.place(order("o1", pen=4), day=2)
    warehouse.cancel("o1", day=2)
    assert warehouse.available(PEN, 2) == 10


def test_shipped_order_is_not_cancelled(warehouse):
    warehouse.place(order("o1", pen=4), day=2)
    warehouse.ship("o1", day=2)
    with pytest.raises(StateError):
        warehouse.cancel("o1", day=2)


def test_backlog_adds_open_pieces(warehouse):
    warehouse.place(order("o1", pen=4, ink=1), day=2)
    warehouse.place(order("o2", pen=3), day=2)
    warehouse.place(order("o3", pen=1), day=2)
    warehouse.cancel("o3", day=2)
    assert warehouse.backlog() == {PEN: 7, INK: 1}
    warehouse.ship("o1", day=2)
    assert warehouse.backlog() == {PEN: 3}


def test_backlog_of_a_partial_order(warehouse):
    warehouse.place(order("o1", pen=1, ink=3), day=2, partly=True)
    warehouse.ship("o1", day=2)
    assert warehouse.backlog() == {INK: 1}
