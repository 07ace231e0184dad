"""Double-entry bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from money.amount import Money, total


class UnbalancedError(ValueError):
    """The entries of a posting do not add up to nothing."""


@dataclass(frozen=True)
class Posting:
    """What changes at once."""

    day: int
    text: str
    entries: Mapping[str, Money]
    """Amounts by account: debits positive, credits negative. They add up to nothing."""


class Ledger:
    """Accounts in one currency, whose postings always balance."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.postings: list[Posting] = []

    def post(self, day: int, text: str, entries: Mapping[str, Money]) -> Posting:
        """Enter a posting; postings are kept in the order of their days.

        Raises:
            UnbalancedError: the entries do not add up to nothing, or there are fewer than two.
        """
        if len(entries) < 2:
            raise UnbalancedError(f"{text}: a posting has at least two entries")
        rest = total(entries.values(), self.code)
        if rest:
            raise UnbalancedError(f"{text}: entries are off by {rest.minor} minor units")
        posting = Posting(day, text, dict(entries))
        place = len(self.postings)
        while place > 0 and self.postings[place - 1].day > day:
            place -= 1
        self.postings.insert(place, posting)
        return posting

    def transfer(self, day: int, text: str, amount: Money, source: str, target: str) -> Posting:
        """Move an amount from one account to another."""
        return self.post(day, text, {target: amount, source: -amount})

    def balance(self, account: str, *, until: int | None = None) -> Money:
        """What is on an account and those below it (`cash` includes `cash:till`), at the end of a day."""
        found = Money.zero(self.code)
        for posting in self.postings:
            if until is not None and posting.day > until:
                break
            for name, amount in posting.entries.items():
                if name == account or name.startswith(account + ":"):
                    found += amount
        return found

    def statement(self, account: str) -> list[tuple[int, str, Money, Money]]:
        """Day, text, change and balance after it, for every posting that changes exactly this account."""
        lines = []
        running = Money.zero(self.code)
        for posting in self.postings:
            change = posting.entries.get(account)
            if change is not None:
                running += change
                lines.append((posting.day, posting.text, change, running))
        return lines

    def reverse(self, posting: Posting, day: int) -> Posting:
        """Undo a posting by its opposite."""
        opposite = {account: -amount for account, amount in posting.entries.items()}
        return self.post(day, f"reversal of {posting.text}", opposite)

    def trial_balance(self) -> dict[str, Money]:
        """The balances of all accounts that are not even, by name."""
        sums: dict[str, Money] = {}
        for posting in self.postings:
            for account, amount in posting.entries.items():
                sums[account] = sums.get(account, Money.zero(self.code)) + amount
        return {account: sums[account] for account in sorted(sums) if sums[account]}
