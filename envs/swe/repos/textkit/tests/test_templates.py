import pytest

from textkit import TemplateError, fill


def test_names_are_replaced():
    assert fill("{a} and { b }", {"a": 1, "b": "two"}) == "1 and two"


def test_double_braces_are_braces():
    assert fill("{{{a}}}", {"a": 1}) == "{1}"


def test_filters_are_applied_from_the_left():
    assert fill("{a|strip|upper}", {"a": " x "}) == "X"
    assert fill("{a|lower|title}", {"a": "THE END"}) == "The End"


def test_cut_takes_a_length():
    assert fill("{a|cut:5}", {"a": "abcdefgh"}) == "ab..."


def test_default_replaces_what_is_missing_or_empty():
    assert fill("{a|default:none}", {}) == "none"
    assert fill("{a|default:none}", {"a": ""}) == "none"
    assert fill("{a|default:none}", {"a": "x"}) == "x"


def test_missing_value_is_an_error():
    with pytest.raises(TemplateError, match="no value for 'a'"):
        fill("{a|upper}", {"b": 1})


def test_unknown_filter_is_an_error():
    with pytest.raises(TemplateError, match="shout"):
        fill("{a|shout}", {"a": 1})


def test_lonely_braces_are_errors():
    with pytest.raises(TemplateError, match="alone at 2"):
        fill("a }", {})
    with pytest.raises(TemplateError, match="not closed"):
        fill("a {b", {"b": 1})
