"""What is there: lots by article, issued first in first out."""

from __future__ import annotations

from dataclasses import dataclass


class OutOfStockError(ValueError):
    """More is wanted than there is."""

    def __init__(self, number: str, wanted: int, available: int) -> None:
        super().__init__(f"{wanted} of {number} are wanted, {available} available")
        self.wanted = wanted
        self.available = available

    @property
    def missing(self) -> int:
        """How many there are too few."""
        return self.wanted - self.available


@dataclass
class Lot:
    """Some of an article that came in together."""

    day: int
    quantity: int
    cost: int
    """Of one, in cents."""
    best_before: int | None = None
    """The last day on which it may be issued."""

    def usable(self, day: int) -> bool:
        """Whether any of it may be issued on that day."""
        return self.quantity > 0 and (self.best_before is None or day <= self.best_before)


@dataclass(frozen=True)
class Movement:
    """Something came in (positive) or went out (negative)."""

    day: int
    number: str
    quantity: int
    reason: str


class Stock:
    """Lots of all articles, and all that ever moved."""

    def __init__(self) -> None:
        self._lots: dict[str, list[Lot]] = {}
        self.history: list[Movement] = []

    def lots(self, number: str) -> list[Lot]:
        """In the order in which they are issued: what spoils first, then what came first."""
        lots = self._lots.get(number, [])
        return sorted(lots, key=lambda lot: (lot.best_before is None, lot.best_before or 0, lot.day))

    def numbers(self) -> list[str]:
        """Articles of which something is there, spoilt or not."""
        return sorted(number for number, lots in self._lots.items() if any(lot.quantity for lot in lots))

    def quantity(self, number: str, day: int) -> int:
        """How many may be issued on a day."""
        return sum(lot.quantity for lot in self.lots(number) if lot.usable(day))

    def receive(self, number: str, quantity: int, cost: int, day: int, best_before: int | None = None) -> Lot:
        """Something comes in.

        Raises:
            ValueError: the quantity is not positive, the cost is negative, or it is spoilt already.
        """
        if quantity <= 0:
            raise ValueError(f"quantity must be positive, not {quantity}")
        if cost < 0:
            raise ValueError(f"cost must not be negative: {cost}")
        if best_before is not None and best_before < day:
            raise ValueError(f"{number} was best before day {best_before}")
        lot = Lot(day, quantity, cost, best_before)
        self._lots.setdefault(number, []).append(lot)
        self.history.append(Movement(day, number, quantity, "received"))
        return lot

    def issue(self, number: str, quantity: int, day: int, reason: str = "issued") -> int:
        """Take some out; returns what they cost, in cents.

        Raises:
            OutOfStockError: there are too few; then none are taken.
            ValueError: the quantity is not positive.
        """
        if quantity <= 0:
            raise ValueError(f"quantity must be positive, not {quantity}")
        available = self.quantity(number, day)
        if quantity > available:
            raise OutOfStockError(number, quantity, available)
        cost = 0
        left = quantity
        for lot in self.lots(number):
            if not lot.usable(day):
                continue
            taken = min(left, lot.quantity)
            lot.quantity -= taken
            cost += taken * lot.cost
            left -= taken
            if left == 0:
                break
        self._drop_empty(number)
        self.history.append(Movement(day, number, -quantity, reason))
        return cost

    def count(self, number: str, counted: int, day: int) -> int:
        """Correct the stock by what was counted; returns the difference. What is found has the cost of the last lot.

        Raises:
            ValueError: what was counted is negative.
        """
        if counted < 0:
            raise ValueError(f"counted {counted} of {number}")
        difference = counted - self.quantity(number, day)
        if difference < 0:
            self.issue(number, -difference, day, "lost")
        elif difference > 0:
            lots = self._lots.get(number, [])
            self._lots.setdefault(number, []).append(Lot(day, difference, lots[-1].cost if lots else 0))
            self.history.append(Movement(day, number, difference, "found"))
        return difference

    def discard_spoilt(self, day: int) -> dict[str, int]:
        """Throw away what may not be issued any more; returns how many, by article."""
        thrown: dict[str, int] = {}
        for number in self.numbers():
            spoilt = sum(lot.quantity for lot in self._lots[number] if not lot.usable(day))
            if spoilt == 0:
                continue
            thrown[number] = spoilt
            self._lots[number] = [lot for lot in self._lots[number] if lot.usable(day)]
            self.history.append(Movement(day, number, -spoilt, "spoilt"))
        return thrown

    def _drop_empty(self, number: str) -> None:
        self._lots[number] = [lot for lot in self._lots[number] if lot.quantity > 0]
