"""What the boss wants to know."""

from __future__ import annotations

from collections.abc import Mapping

from inventory.stock import Stock
from inventory.warehouse import Warehouse


def valuation(stock: Stock, day: int) -> dict[str, int]:
    """What the usable stock cost, in cents, by article; the most valuable first."""
    values = {
        number: sum(lot.quantity * lot.cost for lot in stock.lots(number) if lot.usable(day))
        for number in stock.numbers()
    }
    return dict(sorted(values.items(), key=lambda entry: (-entry[1], entry[0])))


def reorder_list(warehouse: Warehouse, day: int) -> dict[str, int]:
    """How many to order, by article, in whole packages: enough to be above the reorder point after the backlog."""
    backlog = warehouse.backlog()
    found = {}
    for article in warehouse.catalogue:
        there = warehouse.stock.quantity(article.number, day)
        short = article.reorder_at + 1 + backlog.get(article.number, 0) - there
        if short > 0:
            packages = -(-short // article.order_size)
            found[article.number] = packages * article.order_size
    return found


def abc_classes(turnover: Mapping[str, int], first: int = 80, second: int = 95) -> dict[str, str]:
    """Class by article: `A` for those that make up the first 80 % of the turnover, `B` up to 95 %, `C` for the rest.

    An article belongs to the class in which its share begins.
    """
    total = sum(turnover.values())
    classes = {}
    before = 0
    for number in sorted(turnover, key=lambda number: (-turnover[number], number)):
        if total == 0 or before * 100 >= second * total:
            classes[number] = "C"
        elif before * 100 >= first * total:
            classes[number] = "B"
        else:
            classes[number] = "A"
        before += turnover[number]
    return classes


def age_report(stock: Stock, day: int, bounds: tuple[int, ...] = (30, 90)) -> list[int]:
    """Pieces by age: up to the first bound in days, up to the second …, and older."""
    counts = [0] * (len(bounds) + 1)
    for number in stock.numbers():
        for lot in stock.lots(number):
            age = day - lot.day
            place = sum(age > bound for bound in bounds)
            counts[place] += lot.quantity
    return counts


def movements(stock: Stock, first_day: int, last_day: int) -> dict[str, tuple[int, int]]:
    """What came in and what went out, by article, from the first to the last day."""
    found: dict[str, tuple[int, int]] = {}
    for movement in stock.history:
        if not first_day <= movement.day <= last_day:
            continue
        came, went = found.get(movement.number, (0, 0))
        if movement.quantity > 0:
            came += movement.quantity
        else:
            went -= movement.quantity
        found[movement.number] = came, went
    return found


def turnover_rate(stock: Stock, number: str, first_day: int, last_day: int) -> float:
    """How often the mean stock of an article went out between two days; 0 where there was none.

    The mean is over the ends of all days.
    """
    total = 0
    for day in range(first_day, last_day + 1):
        total += sum(entry.quantity for entry in stock.history if entry.number == number and entry.day <= day)
    mean = total / (last_day - first_day + 1)
    _, went = movements(stock, first_day, last_day).get(number, (0, 0))
    return went / mean if mean else 0.0
