import pytest

from parsing import EvaluationError, Evaluator, derive, format_tree, parse


def derived(text, name="x"):
    return format_tree(derive(parse(text), name))


def test_constants_vanish():
    assert derived("5 + y") == "0"


def test_variable():
    assert derived("x") == "1"
    assert derived("x", "y") == "0"


def test_sums_and_differences():
    assert derived("x + x") == "2"
    assert derived("3 - x") == "-1"


def test_products():
    assert derived("3 * x") == "3"
    assert derived("x * y * x") == "y * x + x * y"


def test_powers():
    assert derived("x ^ 3") == "3 * x ^ 2"
    assert derived("(2 * x) ^ 2") == "2 * (2 * x) * 2"


def test_quotients():
    assert derived("1 / x") == "-1 / x ^ 2"
    assert derived("x / y") == "y / y ^ 2"


def test_exponentials():
    assert derived("2 ^ x") == "2 ^ x * 0.6931471805599453"
    assert derived("exp(2 * x)") == "exp(2 * x) * 2"


def test_logarithm_and_root():
    assert derived("log(x)") == "1 / x"
    assert derived("sqrt(x)") == "1 / (2 * sqrt(x))"


def test_choice_by_another_variable():
    assert derived("y > 0 ? x ^ 2 : -x") == "y > 0 ? 2 * x : -1"


def test_what_cannot_be_derived():
    for text in ("x > 1", "abs(x)", "x % 2", "x ^ x", "x > 0 ? 1 : 2", "log(x, 2)", "not x"):
        with pytest.raises(EvaluationError, match="derivative"):
            derived(text)


def test_derivative_is_the_slope():
    tree = parse("x ^ 3 / (1 + exp(-x)) - sqrt(x) * 2 ^ x")
    step = 1e-6
    high, low = Evaluator({"x": 1.5 + step})(tree), Evaluator({"x": 1.5 - step})(tree)
    assert Evaluator({"x": 1.5})(derive(tree, "x")) == pytest.approx((high - low) / (2 * step), rel=1e-6)
