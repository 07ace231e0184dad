"""Orders of customers, and the states they pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["draft", "placed", "partial", "shipped", "cancelled"]

_NEXT: Mapping[State, tuple[State, ...]] = {
    "draft": ("placed", "cancelled"),
    "placed": ("partial", "shipped", "cancelled"),
    "partial": ("partial", "shipped"),
    "shipped": (),
    "cancelled": (),
}


class StateError(ValueError):
    """An order cannot do that in its state."""


@dataclass
class OrderLine:
    """Some of an article."""

    number: str
    ordered: int
    shipped: int = 0

    @property
    def open(self) -> int:
        """How many are still to be shipped."""
        return self.ordered - self.shipped


@dataclass
class Order:
    """What a customer wants."""

    id: str
    customer: str
    lines: list[OrderLine] = field(default_factory=list)
    state: State = "draft"
    placed_on: int | None = None

    def move(self, state: State) -> None:
        """Pass into another state.

        Raises:
            StateError: there is no way there from here.
        """
        if state not in _NEXT[self.state]:
            raise StateError(f"order {self.id} is {self.state} and cannot become {state}")
        self.state = state

    def add(self, number: str, quantity: int) -> OrderLine:
        """Order more of an article; an article has one line.

        Raises:
            StateError: the order is no draft.
            ValueError: the quantity is not positive.
        """
        if self.state != "draft":
            raise StateError(f"order {self.id} is {self.state}: only a draft can be changed")
        if quantity <= 0:
            raise ValueError(f"quantity must be positive, not {quantity}")
        for line in self.lines:
            if line.number == number:
                line.ordered += quantity
                return line
        self.lines.append(OrderLine(number, quantity))
        return self.lines[-1]

    def place(self, day: int) -> None:
        """Make it binding.

        Raises:
            StateError: it is empty, or no draft.
        """
        if not self.lines:
            raise StateError(f"order {self.id} is empty")
        self.move("placed")
        self.placed_on = day

    def ship(self, quantities: Mapping[str, int]) -> None:
        """Some were shipped, by article; the order is `shipped` when nothing is open, else `partial`.

        Raises:
            ValueError: more than is open, nothing at all, or an article that was not ordered.
            StateError: the order is not placed, or complete.
        """
        open_lines = {line.number: line for line in self.lines}
        for number, quantity in quantities.items():
            if number not in open_lines:
                raise ValueError(f"{number} was not ordered")
            if not 0 <= quantity <= open_lines[number].open:
                raise ValueError(f"{quantity} of {number} shipped, {open_lines[number].open} open")
        shipped = sum(quantities.values())
        if shipped == 0:
            raise ValueError("nothing was shipped")
        self.move("shipped" if shipped == self.open else "partial")
        for number, quantity in quantities.items():
            open_lines[number].shipped += quantity

    @property
    def open(self) -> int:
        """How many pieces are still to be shipped."""
        return sum(line.open for line in self.lines)

    @property
    def progress(self) -> float:
        """The share of pieces that was shipped."""
        ordered = sum(line.ordered for line in self.lines)
        return (ordered - self.open) / ordered if ordered else 0.0
