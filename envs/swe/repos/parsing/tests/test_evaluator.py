import pytest

from parsing import EvaluationError, Evaluator, evaluate, parse


def test_arithmetic():
    assert evaluate("1 + 2 * 3 - 4 / 8") == 6.5


def test_remainder_and_power():
    assert evaluate("7 % 4") == 3
    assert evaluate("2 ^ 3 ^ 2") == 512


def test_minus():
    assert evaluate("-2 ^ 2") == -4
    assert evaluate("2 - -2") == 4


def test_comparisons_are_one_or_zero():
    assert [evaluate(f"2 {sign} 2") for sign in ("<", "<=", ">", ">=", "==", "!=")] == [0, 1, 0, 1, 1, 0]
    assert [evaluate(f"1 {sign} 2") for sign in ("<", "<=", ">", ">=", "==", "!=")] == [1, 1, 0, 0, 0, 1]
    assert type(evaluate("1 < 2")) is float


def test_logic_returns_the_deciding_operand():
    assert evaluate("3 and 5") == 5
    assert evaluate("0 and 5") == 0
    assert evaluate("3 or 5") == 3
    assert evaluate("0 or 5") == 5


def test_logic_leaves_the_rest_alone():
    assert evaluate("0 and 1 / 0") == 0
    assert evaluate("1 or 1 / 0") == 1


def test_not():
    assert evaluate("not 0") == 1
    assert evaluate("not 5") == 0


def test_choice_evaluates_one_side():
    assert evaluate("x > 0 ? 10 : 1 / 0", x=1) == 10
    assert evaluate("x > 0 ? 1 / 0 : 20", x=0) == 20


def test_variables():
    assert evaluate("x * y", x=2, y=3.5) == 7


def test_unknown_variable():
    with pytest.raises(EvaluationError, match="y has no value"):
        evaluate("x + y", x=1)


def test_functions():
    assert evaluate("abs(-3) + sqrt(16)") == 7
    assert evaluate("min(3, 1, 2) + max(3, 1, 2)") == 4
    assert evaluate("log(exp(2)) + log(8, 2)") == pytest.approx(5)


def test_round():
    assert evaluate("round(2.567)") == 3
    assert evaluate("round(2.567, 1)") == 2.6


def test_clamp():
    assert [evaluate("clamp(x, 0, 10)", x=x) for x in (-5, 5, 15)] == [0, 5, 10]


def test_number_of_arguments():
    with pytest.raises(EvaluationError, match="sqrt takes 1 arguments, not 2"):
        evaluate("sqrt(1, 2)")
    with pytest.raises(EvaluationError, match="min takes 1 or more arguments, not 0"):
        evaluate("min()")
    with pytest.raises(EvaluationError, match="log takes 1 to 2 arguments, not 3"):
        evaluate("log(1, 2, 3)")


def test_unknown_function():
    with pytest.raises(EvaluationError, match="no function sin"):
        evaluate("sin(1)")


def test_own_functions():
    own = Evaluator({"x": 3}, {"double": lambda value: 2 * value, "abs": lambda value: -1})
    assert own(parse("double(x)")) == 6
    assert own(parse("abs(x)")) == -1
    assert evaluate("abs(-4)") == 4


def test_undefined_values():
    for text in ("1 / 0", "5 % 0", "sqrt(-1)", "log(0)", "10 ^ 1000", "(-8) ^ 0.5", "f((-8) ^ 0.5)"):
        with pytest.raises(EvaluationError):
            evaluate(text)


def test_reason_is_told():
    with pytest.raises(EvaluationError, match=r"not defined: .*division by zero"):
        evaluate("1 / 0")
    with pytest.raises(EvaluationError, match="root of a negative"):
        evaluate("(-8) ^ 0.5 + 1")
