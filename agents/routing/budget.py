"""Hard budgets by masking: nobody acts who might spend more than is left (budget-constrained decoding of the paper)."""

from __future__ import annotations

from collections.abc import Sequence


def affordable(worst: Sequence[float | None], left: float) -> list[bool]:
    """Which executors may act.

    Args:
        worst: dollars that each costs at most, None where it cannot act at all.
        left: of the budget, in dollars; infinite where there is none.
    """
    return [cost is not None and cost <= left for cost in worst]


def admit(wanted: int, allowed: Sequence[bool]) -> int | None:
    """Who acts in place of the one that is wanted: itself, or the dearest of those before it that is allowed.

    Args:
        wanted: index among the executors, cheapest first.
        allowed: see `affordable`.

    Returns:
        None where nobody may: the episode ends.
    """
    return next((i for i in range(wanted, -1, -1) if allowed[i]), None)
