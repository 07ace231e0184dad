import pytest

from inventory import Article, Catalogue, UnknownArticleError, check_digit, valid_number

PEN = Article("40123455", "Blue pen", 120, tags=frozenset({"office", "blue"}))
INK = Article("4006381333931", "Blue ink", 450, tags=frozenset({"blue"}))
BAG = Article("96385074", "Bag", 999)


def test_check_digits():
    assert check_digit("4012345") == 5
    assert check_digit("400638133393") == 1
    assert check_digit("0000000") == 0


def test_valid_numbers():
    assert valid_number("40123455")
    assert valid_number("4006381333931")


def test_wrong_check_digit():
    assert not valid_number("40123454")


def test_wrong_length_or_characters():
    assert not valid_number("4012345")
    assert not valid_number("4012345x")
    assert not valid_number("")


def test_article_needs_a_valid_number():
    with pytest.raises(ValueError, match="no article number"):
        Article("123", "x", 1)


def test_article_refuses_senseless_quantities():
    for options in ({"price": -1}, {"price": 1, "reorder_at": -1}, {"price": 1, "order_size": 0}):
        with pytest.raises(ValueError, match="out of range"):
            Article("40123455", "pen", **options)
    assert Article("40123455", "gift", 0).order_size == 1


def test_article_by_number():
    assert Catalogue([PEN, INK])["40123455"] is PEN


def test_unknown_article():
    with pytest.raises(UnknownArticleError, match="no article 96385074"):
        Catalogue([PEN])["96385074"]


def test_number_is_taken_once():
    with pytest.raises(ValueError, match="taken by Blue pen"):
        Catalogue([PEN, PEN])


def test_catalogue_is_a_collection():
    catalogue = Catalogue([PEN, INK])
    assert len(catalogue) == 2
    assert list(catalogue) == [PEN, INK]
    assert "40123455" in catalogue
    assert "96385074" not in catalogue


def test_search_needs_all_words():
    catalogue = Catalogue([PEN, INK, BAG])
    assert catalogue.search("BLUE") == [INK, PEN]
    assert catalogue.search("pen blue") == [PEN]
    assert catalogue.search("pen ink") == []


def test_search_needs_all_tags():
    catalogue = Catalogue([PEN, INK, BAG])
    assert catalogue.search(tags=["blue", "office"]) == [PEN]
    assert catalogue.search(tags=["blue"]) == [INK, PEN]


def test_search_for_nothing_finds_all_by_name():
    assert Catalogue([PEN, INK, BAG]).search() == [BAG, INK, PEN]
