"""What is promised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reservation:
    """Some of an article that is kept for somebody."""

    id: int
    number: str
    quantity: int
    holder: str
    until: int | None
    """The last day; None does not lapse."""

    def active(self, day: int) -> bool:
        """Whether it still holds on that day."""
        return self.until is None or day <= self.until


class Reservations:
    """All that is promised."""

    def __init__(self) -> None:
        self._kept: dict[int, Reservation] = {}
        self._next_id = 1

    def add(self, number: str, quantity: int, holder: str, until: int | None = None) -> Reservation:
        """Promise something.

        Raises:
            ValueError: the quantity is not positive.
        """
        if quantity <= 0:
            raise ValueError(f"quantity must be positive, not {quantity}")
        made = Reservation(self._next_id, number, quantity, holder, until)
        self._kept[made.id] = made
        self._next_id += 1
        return made

    def release(self, reservation_id: int) -> Reservation:
        """Take a promise back.

        Raises:
            KeyError: there is none.
        """
        return self._kept.pop(reservation_id)

    def reserved(self, number: str, day: int) -> int:
        """How many of an article are promised on a day."""
        return sum(kept.quantity for kept in self._kept.values() if kept.number == number and kept.active(day))

    def of(self, holder: str, day: int) -> list[Reservation]:
        """What is promised to somebody on a day, the oldest first."""
        return [kept for kept in self._kept.values() if kept.holder == holder and kept.active(day)]

    def lapse(self, day: int) -> list[Reservation]:
        """Forget what holds no more; returns it."""
        lapsed = [kept for kept in self._kept.values() if not kept.active(day)]
        for reservation in lapsed:
            del self._kept[reservation.id]
        return lapsed
