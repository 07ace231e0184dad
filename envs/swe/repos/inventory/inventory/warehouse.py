"""All of it together: orders reserve stock, shipping issues it."""

from __future__ import annotations

from inventory.articles import Catalogue
from inventory.orders import Order
from inventory.reservations import Reservations
from inventory.stock import OutOfStockError, Stock


class Warehouse:
    """A catalogue, its stock, what is promised, and orders.

    Args:
        catalogue: what there is.
        hold_days: how long the stock of an order is kept for it.
    """

    def __init__(self, catalogue: Catalogue, hold_days: int = 7) -> None:
        self.catalogue = catalogue
        self.stock = Stock()
        self.reservations = Reservations()
        self.orders: dict[str, Order] = {}
        self.hold_days = hold_days

    def available(self, number: str, day: int) -> int:
        """How many are there and not promised; never negative."""
        free = self.stock.quantity(number, day) - self.reservations.reserved(number, day)
        return max(free, 0)

    def place(self, order: Order, day: int, *, partly: bool = False) -> dict[str, int]:
        """Accept an order and reserve its articles; returns what is missing, by article.

        Args:
            order: a draft.
            day: today.
            partly: whether an order is accepted of which something is missing.

        Raises:
            UnknownArticleError: an article is not in the catalogue.
            OutOfStockError: something is missing, and `partly` is not set.
        """
        missing = {}
        for line in order.lines:
            article = self.catalogue[line.number]
            available = self.available(article.number, day)
            if line.ordered > available:
                if not partly:
                    raise OutOfStockError(line.number, line.ordered, available)
                missing[line.number] = line.ordered - available
        order.place(day)
        for line in order.lines:
            quantity = line.ordered - missing.get(line.number, 0)
            if quantity:
                self.reservations.add(line.number, quantity, order.id, day + self.hold_days)
        self.orders[order.id] = order
        return missing

    def ship(self, order_id: str, day: int) -> int:
        """Ship what is there for an order; returns what it cost, in cents.

        Its own reservations come first, then what is available.

        Raises:
            OutOfStockError: nothing of it is there.
        """
        order = self.orders[order_id]
        for kept in self.reservations.of(order_id, day):
            self.reservations.release(kept.id)
        quantities = {}
        for line in order.lines:
            quantity = min(line.open, self.available(line.number, day))
            if quantity > 0:
                quantities[line.number] = quantity
        if not quantities:
            raise OutOfStockError(order.lines[0].number, order.open, 0)
        order.ship(quantities)
        return sum(self.stock.issue(number, quantity, day, order_id) for number, quantity in quantities.items())

    def cancel(self, order_id: str, day: int) -> None:
        """Cancel an order of which nothing was shipped, and free its stock.

        Raises:
            StateError: something was shipped.
        """
        self.orders[order_id].move("cancelled")
        for kept in self.reservations.of(order_id, day):
            self.reservations.release(kept.id)

    def backlog(self) -> dict[str, int]:
        """Pieces that are still to be shipped, by article, of all orders that are not cancelled."""
        found: dict[str, int] = {}
        for order in self.orders.values():
            if order.state in ("placed", "partial"):
                for line in order.lines:
                    if line.open:
                        found[line.number] = found.get(line.number, 0) + line.open
        return found
