"""Rounding of exact numbers, by a rule that the caller names."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

Rule = Literal["half_even", "half_up", "half_down", "up", "down", "ceiling", "floor"]
"""`up` is away from zero and `down` towards it; `half_` rules differ only for numbers in the middle."""


def round_fraction(number: Fraction | int, rule: Rule = "half_even") -> int:
    """The whole number nearest by the rule.

    Raises:
        ValueError: there is no such rule.
    """
    number = Fraction(number)
    below = number.numerator // number.denominator
    rest = number - below
    if rest == 0:
        return below
    above = below + 1
    toward, away = (below, above) if number > 0 else (above, below)
    if rule == "floor":
        return below
    if rule == "ceiling":
        return above
    if rule == "down":
        return toward
    if rule == "up":
        return away
    if rule not in ("half_even", "half_up", "half_down"):
        raise ValueError(f"there is no rounding rule {rule!r}")
    half = Fraction(1, 2)
    if rest < half:
        return below
    if rest > half:
        return above
    if rule == "half_up":
        return away
    if rule == "half_down":
        return toward
    return below if below % 2 == 0 else above


def round_to_step(amount: int, step: int, rule: Rule = "half_up") -> int:
    """The nearest multiple of a step, e.g. of 5 cents where there are no smaller coins.

    Raises:
        ValueError: the step is not positive.
    """
    if step <= 0:
        raise ValueError(f"a step must be positive, not {step}")
    return round_fraction(Fraction(amount, step), rule) * step
