import pytest

from parsing import Binary, Call, Choice, Number, ParseError, Unary, Variable, names, parse
from parsing.nodes import depth


def grouped(text):
    """Every operation in parentheses."""

    def show(node):
        if isinstance(node, Number):
            return f"{node.value:g}"
        if isinstance(node, Variable):
            return node.name
        if isinstance(node, Unary):
            return f"({node.operator} {show(node.operand)})"
        if isinstance(node, Binary):
            return f"({show(node.left)} {node.operator} {show(node.right)})"
        if isinstance(node, Choice):
            return f"({show(node.condition)} ? {show(node.yes)} : {show(node.no)})"
        return f"{node.function}[{', '.join(map(show, node.arguments))}]"

    return show(parse(text))


def test_products_before_sums():
    assert grouped("a + b * c - d") == "((a + (b * c)) - d)"


def test_left_to_right():
    assert grouped("a - b - c") == "((a - b) - c)"
    assert grouped("a / b * c % d") == "(((a / b) * c) % d)"


def test_powers_from_the_right():
    assert grouped("a ^ b ^ c") == "(a ^ (b ^ c))"


def test_two_stars_are_a_power():
    assert parse("a ** b") == Binary("^", Variable("a"), Variable("b"))


def test_minus_binds_less_than_a_power():
    assert grouped("-a ^ b") == "(- (a ^ b))"
    assert grouped("a ^ -b") == "(a ^ (- b))"


def test_minus_binds_more_than_a_product():
    assert grouped("-a * b") == "((- a) * b)"
    assert grouped("--a") == "(- (- a))"


def test_plus_sign_is_dropped():
    assert grouped("+a * b") == "(a * b)"


def test_parentheses_group():
    assert grouped("(a + b) * c") == "((a + b) * c)"


def test_comparisons_before_logic():
    assert grouped("a < b + 1 and c == d or e") == "(((a < (b + 1)) and (c == d)) or e)"


def test_order_comparisons_before_equality():
    assert grouped("a < b == c >= d") == "((a < b) == (c >= d))"


def test_not_between_logic_and_comparisons():
    assert grouped("not a == b and c") == "((not (a == b)) and c)"


def test_choice():
    assert grouped("a ? b : c + 1") == "(a ? b : (c + 1))"


def test_choices_from_the_right():
    assert grouped("a ? b : c ? d : e") == "(a ? b : (c ? d : e))"
    assert grouped("a ? b ? c : d : e") == "(a ? (b ? c : d) : e)"


def test_calls():
    assert parse("f()") == Call("f", ())
    assert grouped("f(a, b + 1, g(c))") == "f[a, (b + 1), g[c]]"


def test_expression_ends_too_early():
    with pytest.raises(ParseError, match="too early at 3"):
        parse("a +")


def test_nothing_is_no_expression():
    with pytest.raises(ParseError, match="too early at 0"):
        parse("")


def test_operator_without_operand():
    with pytest.raises(ParseError, match=r"unexpected '\*' at 4"):
        parse("a + * b")


def test_something_after_the_end():
    with pytest.raises(ParseError, match="unexpected 'b' at 2"):
        parse("a b")


def test_missing_parenthesis():
    with pytest.raises(ParseError, match=r"expected '\)' at 6"):
        parse("(a + b")
    with pytest.raises(ParseError, match=r"expected '\)' at 4"):
        parse("f(a b)")


def test_missing_colon():
    with pytest.raises(ParseError, match="expected ':' at 5"):
        parse("a ? b")


def test_nesting_is_bounded():
    parse("(" * 99 + "a" + ")" * 99)
    with pytest.raises(ParseError, match="too deeply"):
        parse("(" * 100 + "a" + ")" * 100)


def test_many_terms_are_not_nested():
    assert depth(parse("f(" + "(a), " * 150 + "b)")) == 2


def test_error_marks_the_place():
    with pytest.raises(ParseError) as caught:
        parse("a +\nb * ) +\nc")
    assert caught.value.marked() == "b * ) +\n    ^"


def test_error_marks_the_last_line():
    with pytest.raises(ParseError) as caught:
        parse("a +")
    assert caught.value.marked() == "a +\n   ^"


def test_names_are_listed_once_from_left_to_right():
    assert names(parse("b + f(a, b) ? -c : a ^ d")) == ["b", "a", "c", "d"]


def test_depth_counts_nodes():
    assert depth(parse("a")) == 1
    assert depth(parse("a + b * -c")) == 4
