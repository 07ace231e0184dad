import pytest

from textkit import center, dedent, indent, justify, truncate, wrap


def test_lines_are_as_long_as_they_may_be():
    assert wrap("aa bb cc dd", 5) == ["aa bb", "cc dd"]


def test_word_that_does_not_fit_begins_a_line():
    assert wrap("aa bbb cc", 5) == ["aa", "bbb", "cc"]


def test_word_longer_than_a_line_is_cut():
    assert wrap("a bcdefghi jk", 4) == ["a", "bcde", "fghi", "jk"]


def test_rest_of_a_cut_word_shares_its_line():
    assert wrap("abcdef gh", 4) == ["abcd", "ef", "gh"]
    assert wrap("abcdef g", 4) == ["abcd", "ef g"]


def test_white_space_is_collapsed():
    assert wrap("  a \n b  ", 9) == ["a b"]


def test_nothing_has_no_lines():
    assert wrap("  ", 9) == []


def test_first_line_and_rest_have_prefixes():
    assert wrap("aa bb cc", 6, first="* ", rest="  ") == ["* aa", "  bb", "  cc"]
    assert wrap("aa bb cc", 7, first="* ", rest="  ") == ["* aa bb", "  cc"]


def test_prefix_must_leave_room():
    with pytest.raises(ValueError, match="no room"):
        wrap("a", 2, rest="> ")


def test_justified_lines_have_the_width():
    assert justify("aa b cc dd e", 8) == ["aa  b cc", "dd e"]


def test_spaces_are_spread_evenly():
    assert justify("a b c dddddd", 9) == ["a   b   c", "dddddd"]


def test_line_of_a_single_word_is_not_stretched():
    assert justify("abcd efgh", 6) == ["abcd", "efgh"]


def test_nothing_is_justified():
    assert justify("", 6) == []


def test_center_puts_more_to_the_right():
    assert center(["ab", "abc"], 5) == [" ab  ", " abc "]


def test_center_fills_with_a_character():
    assert center(["ab"], 6, "*") == ["**ab**"]


def test_center_leaves_long_lines():
    assert center(["abcdef"], 4) == ["abcdef"]


def test_indent_skips_blank_lines():
    assert indent("a\n\n b", "> ") == "> a\n\n>  b"


def test_dedent_removes_the_common_margin():
    assert dedent("    a\n      b\n\n    c") == "a\n  b\n\nc"


def test_dedent_ignores_the_margin_of_blank_lines():
    assert dedent("  a\n \n  b") == "a\n\nb"


def test_dedent_of_nothing():
    assert dedent("") == ""


def test_text_that_fits_is_not_truncated():
    assert truncate("abcde", 5) == "abcde"


def test_truncated_text_ends_in_a_mark():
    assert truncate("abcdefgh", 6) == "abc..."


def test_no_space_before_the_mark():
    assert truncate("ab cdefgh", 6, mark="...") == "ab..."


def test_truncated_in_the_middle():
    assert truncate("abcdefgh", 6, mark="-", middle=True) == "abc-gh"
    assert truncate("abcdefgh", 2, mark="-", middle=True) == "a-"


def test_mark_that_does_not_fit():
    assert truncate("abcdefgh", 3) == "..."
    with pytest.raises(ValueError, match="longer than 2"):
        truncate("abcdefgh", 2)
