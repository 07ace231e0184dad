import pytest

from inventory import Order, OrderLine, StateError


@pytest.fixture
def order():
    made = Order("o1", "ann")
    made.add("pen", 3)
    made.add("ink", 2)
    return made


def test_article_has_one_line(order):
    order.add("pen", 2)
    assert order.lines == [OrderLine("pen", 5), OrderLine("ink", 2)]


def test_quantity_must_be_positive(order):
    with pytest.raises(ValueError, match="not 0"):
        order.add("pen", 0)


def test_placing_tells_the_day(order):
    order.place(4)
    assert (order.state, order.placed_on) == ("placed", 4)


def test_empty_order_cannot_be_placed():
    with pytest.raises(StateError, match="o2 is empty"):
        Order("o2", "bo").place(1)


def test_placed_order_cannot_be_changed(order):
    order.place(4)
    with pytest.raises(StateError, match="only a draft"):
        order.add("bag", 1)
    with pytest.raises(StateError, match="cannot become placed"):
        order.place(5)


def test_all_is_shipped(order):
    order.place(4)
    order.ship({"pen": 3, "ink": 2})
    assert order.state == "shipped"
    assert order.open == 0


def test_part_is_shipped(order):
    order.place(4)
    order.ship({"pen": 2})
    assert order.state == "partial"
    assert order.open == 3
    assert order.progress == 0.4


def test_rest_is_shipped(order):
    order.place(4)
    order.ship({"pen": 2})
    order.ship({"pen": 1})
    assert order.state == "partial"
    order.ship({"ink": 2, "pen": 0})
    assert order.state == "shipped"
    assert order.progress == 1.0


def test_more_than_is_open_is_refused(order):
    order.place(4)
    with pytest.raises(ValueError, match="4 of pen shipped, 3 open"):
        order.ship({"ink": 1, "pen": 4})
    assert order.open == 5


def test_negative_quantity_is_refused(order):
    order.place(4)
    with pytest.raises(ValueError, match="-1 of pen"):
        order.ship({"ink": 2, "pen": -1})


def test_shipping_nothing_is_refused(order):
    order.place(4)
    with pytest.raises(ValueError, match="nothing"):
        order.ship({"pen": 0})


def test_shipping_what_was_not_ordered_is_refused(order):
    order.place(4)
    with pytest.raises(ValueError, match="bag was not ordered"):
        order.ship({"bag": 1})


def test_draft_is_not_shipped(order):
    with pytest.raises(StateError, match="is draft and cannot become shipped"):
        order.ship({"pen": 3, "ink": 2})
    assert order.open == 5


def test_cancelling_before_anything_was_shipped(order):
    order.place(4)
    order.move("cancelled")
    assert order.state == "cancelled"


def test_partial_order_cannot_be_cancelled(order):
    order.place(4)
    order.ship({"pen": 1})
    with pytest.raises(StateError, match="partial and cannot become cancelled"):
        order.move("cancelled")


def test_progress_of_an_empty_order():
    assert Order("o2", "bo").progress == 0.0
