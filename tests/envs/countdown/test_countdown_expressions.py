"""Expressions: what is read, what is refused, and that nothing else is ever evaluated."""

from __future__ import annotations

import builtins
import re
import warnings
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.countdown.expressions import (
    Expression,
    IllegalError,
    Operation,
    apply,
    evaluate,
    operations,
    steps,
    text,
    value,
)

OPERATORS = "+-*/"


def operation(parts: tuple[Expression, str, Expression]) -> Expression:
    left, symbol, right = parts
    try:
        return Operation(left, symbol, right, apply(value(left), symbol, value(right)))
    except IllegalError:
        return Operation(left, "+", right, value(left) + value(right))


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.integers(0, 30), lambda inner: st.tuples(inner, st.sampled_from(OPERATORS), inner).map(operation), max_leaves=8
)


def numbers_in(expression: Expression) -> list[int]:
    if isinstance(expression, int):
        return [expression]
    return numbers_in(expression.left) + numbers_in(expression.right)


@given(EXPRESSIONS)
def test_what_is_written_is_read_as_it_was(expression: Expression) -> None:
    written = text(expression)
    made, used = evaluate(written)
    assert made == value(expression)
    assert used == numbers_in(expression)
    assert re.fullmatch(r"(\d+|[-+*/()])( (\d+|[-+*/()]))*", written), "every symbol by itself"


@given(EXPRESSIONS)
def test_steps_can_be_carried_out_one_after_the_other(expression: Expression) -> None:
    left = numbers_in(expression)
    for step in steps(expression):
        for operand in (step.left, step.right):
            left.remove(value(operand))
        assert str(step) == f"{value(step.left)} {step.symbol} {value(step.right)}"
        left.append(apply(value(step.left), step.symbol, value(step.right)))
        assert left[-1] == step.value
    assert left == [value(expression)]


@pytest.mark.parametrize(
    ("written", "made", "used"),
    [
        ("7", 7, [7]),
        ("3 * ( 7 + 2 )", 27, [3, 7, 2]),
        ("3*(7+2)", 27, [3, 7, 2]),
        ("  3 × (7 − 2) ÷ 5\n", 3, [3, 7, 2, 5]),
        ("8 / 4 / 2", 1, [8, 4, 2]),
        ("3 - 7 + 9", 5, [3, 7, 9]),  # negative on the way
        ("( 3 - 9 ) / 2", -3, [3, 9, 2]),
        ("0 / 5", 0, [0, 5]),
        ("(" * 99 + "7" + ")" * 99, 7, [7]),
    ],
)
def test_values_by_hand(written: str, made: int, used: list[int]) -> None:
    assert evaluate(written) == (made, used)


@pytest.mark.parametrize("written", ["7 / 2", "7 / 0", "7 / ( 3 - 3 )", "3 / 2 * 2", "( 2 - 9 ) / 2", "0 / 0"])
def test_divisions_are_exact(written: str) -> None:
    with pytest.raises(IllegalError, match="is no whole number"):
        evaluate(written)


ATTACKS = [
    "",
    " ",
    "answer",
    "__import__('os').system('touch /tmp/owned')",
    "open('/etc/passwd').read()",
    "print(1)",
    "(lambda: 7)()",
    "[7][0]",
    "7 if 1 else 2",
    "7 and 2",
    "7; 2",
    "7\n+ 2",
    "7 # 2",
    "x",
    "True",
    "None + 7",
    "'7'",
    "f'{7}'",
    "7 ** 2",
    "7 // 2",
    "9**9**9**9",
    "7 % 2",
    "7 << 2",
    "7 | 2",
    "7 @ 2",
    "7 == 7",
    "7 = 7",
    "7, 2",
    "(7, 2)",
    "()",
    "7 ( 2 )",
    "( 7 ) ( 2 )",
    "7 2",
    "7 +",
    "* 7",
    "+7",
    "-7",
    "- ( 7 )",
    "7 - -2",
    "( 7",
    "7 )",
    "7.0",
    "7e1",
    "0x7",
    "0b1",
    "1_0",
    "7j",
    "007",
    "٧",
    "７",
    "²",
    "7\x00",
    "7\u00a0+ 2",
    "(" * 100 + "7" + ")" * 100,
    "(" * 10**6,
    "-" * 199 + "7",
    "1+" * 99 + "1" * 5,
    "9" * 10**6,
    "1 " * 10**6,
]


@pytest.mark.parametrize("written", ATTACKS, ids=lambda written: repr(written[:30]))
def test_everything_else_is_refused(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eval", "exec"):
        monkeypatch.setattr(builtins, name, lambda *_: pytest.fail("evaluated by Python"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Python's parser warns of code that it finds odd
        with pytest.raises(IllegalError, match="that is no expression of whole numbers"):
            evaluate(written)


@given(st.text(alphabet="0123456789+-*/() ×÷−.,_xe", max_size=60) | st.text(max_size=60))
def test_any_text_is_read_as_arithmetic_says_or_refused(written: str) -> None:
    try:
        made, used = evaluate(written)
    except IllegalError:
        return
    plain = written.strip().replace("×", "*").replace("÷", "/").replace("−", "-")
    assert re.fullmatch(r"[0-9+\-*/() ]+", plain)
    assert used == [int(number) for number in re.findall(r"\d+", plain)]
    assert eval(re.sub(r"(\d+)", r"Fraction(\1)", plain), {"Fraction": Fraction}) == made


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_operations_on_two_of_some_numbers(numbers: list[int]) -> None:
    found = operations(numbers)
    assert len({(str(op), op.value) for op in found}) == len(found)
    by_hand = {
        (max(a, b), symbol, min(a, b))
        for i, a in enumerate(numbers)
        for b in numbers[i + 1 :]
        for symbol in OPERATORS
        if symbol != "/" or (min(a, b) and max(a, b) % min(a, b) == 0)
    }
    assert {(value(op.left), op.symbol, value(op.right)) for op in found} == by_hand
    assert all(op.value == apply(value(op.left), op.symbol, value(op.right)) >= 0 for op in found)
