import pytest

from parsing import ParseError, tokenize


def texts(text):
    return [token.text for token in tokenize(text)][:-1]


def kinds(text):
    return [token.kind for token in tokenize(text)][:-1]


def test_last_token_is_the_end():
    (token,) = tokenize("  ")
    assert (token.kind, token.text, token.position) == ("end", "", 2)


def test_white_space_separates():
    assert texts("a  b\n1") == ["a", "b", "1"]


def test_kinds():
    assert kinds("a1 _b 2 + and android") == ["name", "name", "number", "operator", "operator", "name"]


def test_longest_operator_wins():
    assert texts("a<=b**c!=d") == ["a", "<=", "b", "**", "c", "!=", "d"]
    assert texts("a<b*c") == ["a", "<", "b", "*", "c"]


def test_positions():
    assert [token.position for token in tokenize("ab + 1.5")] == [0, 3, 5, 8]


def test_numbers():
    assert texts("1 2.5 .5 3. 1e3 2.5E-3") == ["1", "2.5", ".5", "3.", "1e3", "2.5E-3"]
    assert set(kinds("1 2.5 .5 3. 1e3 2.5E-3")) == {"number"}


def test_sign_is_no_part_of_a_number():
    assert texts("1-2") == ["1", "-", "2"]


def test_comment_ends_with_the_line():
    assert texts("a # b c\n+ d # e") == ["a", "+", "d"]


def test_exponent_needs_digits():
    for text in ("1e", "1e+"):
        with pytest.raises(ParseError, match="exponent has no digits"):
            texts(text)


def test_malformed_numbers():
    for text in ("1x", "1.2.3", "1_000"):
        with pytest.raises(ParseError, match="malformed number at 4"):
            texts("a + " + text)


def test_unexpected_character():
    with pytest.raises(ParseError, match=r"'\$' at 2"):
        texts("a $ b")


def test_lonely_dot_is_unexpected():
    with pytest.raises(ParseError, match=r"'\.' at 0"):
        texts(". 5")
