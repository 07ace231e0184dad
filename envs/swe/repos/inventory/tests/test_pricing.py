import pytest

from inventory import Article, PriceList, Promotion

PEN = Article("40123455", "Pen", 125)
BAG = Article("96385074", "Bag", 999)


def test_plain_price():
    assert PriceList().total(PEN, 3) == 375


def test_discount_from_a_quantity_on():
    prices = PriceList({100: 12, 10: 4})
    assert [prices.discount(quantity) for quantity in (9, 10, 99, 100, 500)] == [0, 4, 4, 12, 12]
    assert prices.total(PEN, 10) == 1200


def test_customer_discount_is_taken_from_the_rest():
    assert PriceList({10: 10}, {"ann": 50}).total(PEN, 10, "ann") == 563
    assert PriceList({10: 10}, {"ann": 50}).total(PEN, 10, "bo") == 1125


def test_total_is_rounded_half_up():
    assert PriceList(customers={"ann": 50}).total(PEN, 1, "ann") == 63
    assert PriceList(customers={"ann": 60}).total(BAG, 1, "ann") == 400


def test_all_off_and_nothing_off():
    assert PriceList(customers={"ann": 100}).total(PEN, 1, "ann") == 0
    assert PriceList(customers={"ann": 0}).total(PEN, 1, "ann") == 125


def test_percentages_are_bounded():
    for percent in (-1, 101):
        with pytest.raises(ValueError, match="percent off"):
            PriceList({1: percent})
        with pytest.raises(ValueError, match="percent off"):
            PriceList(customers={"ann": percent})


def test_promotion_counts_whole_sets():
    offer = Promotion(PEN.number, buy=2, free=1, first_day=5, last_day=7)
    assert [offer.free_of(quantity, 5) for quantity in (2, 3, 5, 6)] == [0, 1, 1, 2]


def test_promotion_lasts_through_its_last_day():
    offer = Promotion(PEN.number, buy=2, free=1, first_day=5, last_day=7)
    assert [offer.free_of(3, day) for day in (4, 5, 7, 8)] == [0, 1, 1, 0]


def test_promotion_is_for_its_article():
    prices = PriceList(promotions=[Promotion(PEN.number, 2, 1, 0, 9)])
    assert prices.total(PEN, 3) == 250
    assert prices.total(BAG, 3) == 2997


def test_best_promotion_counts():
    offers = [Promotion(PEN.number, 2, 1, 0, 9), Promotion(PEN.number, 1, 1, 0, 9), Promotion(BAG.number, 1, 5, 0, 9)]
    assert PriceList(promotions=offers).total(PEN, 6) == 375


def test_discount_depends_on_what_is_paid():
    prices = PriceList({3: 20}, promotions=[Promotion(PEN.number, 2, 1, 0, 9)])
    assert prices.total(PEN, 3) == 250


def test_more_may_cost_less():
    prices = PriceList({10: 20})
    assert prices.cheaper_quantity(PEN, 9) == 10
    assert prices.cheaper_quantity(PEN, 8) == 8
    assert prices.cheaper_quantity(PEN, 10) == 10
