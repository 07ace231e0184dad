import pytest

from parsing import Evaluator, format_tree, parse, simplify


def simplified(text):
    return format_tree(simplify(parse(text)))


def test_constants_are_computed():
    assert simplified("1 + 2 * 3") == "7"
    assert simplified("x + 2 * 3") == "x + 6"


def test_functions_of_constants_are_computed():
    assert simplified("max(1, 2 + 3) * x") == "5 * x"


def test_unknown_functions_are_left():
    assert simplified("f(1 + 1)") == "f(2)"
    assert simplified("f()") == "f()"


def test_what_has_no_value_is_left():
    assert simplified("1 / 0") == "1 / 0"
    assert simplified("0 / 0") == "0 / 0"


def test_adding_nothing():
    assert simplified("x + 0") == "x"
    assert simplified("0 + x") == "x"


def test_adding_a_negative_is_subtracting():
    assert simplified("x + -y") == "x - y"


def test_subtracting_nothing():
    assert simplified("x - 0") == "x"
    assert simplified("0 - x") == "-x"


def test_subtracting_the_same():
    assert simplified("(x + y) - (x + y)") == "0"


def test_multiplying_by_one_or_zero():
    assert simplified("x * 1") == "x"
    assert simplified("1 * x") == "x"
    assert simplified("x * 0") == "0"
    assert simplified("0 * x") == "0"


def test_dividing():
    assert simplified("x / 1") == "x"
    assert simplified("0 / x") == "0"
    assert simplified("1 / x") == "1 / x"


def test_powers():
    assert simplified("x ^ 1") == "x"
    assert simplified("x ^ 0") == "1"
    assert simplified("x ^ 2") == "x ^ 2"


def test_two_minus_signs():
    assert simplified("--x") == "x"
    assert simplified("-x") == "-x"


def test_logic_with_a_constant():
    assert simplified("1 and x") == "x"
    assert simplified("0 and x") == "0"
    assert simplified("2 or x") == "2"
    assert simplified("0 or x") == "x"


def test_choice_of_a_constant():
    assert simplified("1 < 2 ? x : y") == "x"
    assert simplified("1 > 2 ? x : y") == "y"


def test_choice_between_equals():
    assert simplified("a ? x + 0 : x") == "x"
    assert simplified("a ? x : y") == "a ? x : y"


def test_simplifying_goes_on_inside():
    assert simplified("f((x + 0) * 1, 2 - 2)") == "f(x, 0)"
    assert simplified("-(0 - x)") == "x"


@pytest.mark.parametrize("value", [-1.5, 0.5, 2.0])
def test_value_stays_the_same(value):
    tree = parse("(x + 0) * (3 - 2) - -x ^ 2 + (x > 1 ? 4 * 0.5 : 0 - x)")
    evaluator = Evaluator({"x": value})
    assert evaluator(simplify(tree)) == evaluator(tree)
