"""An expert that shops from what it reads: what it does, a model that reads the same pages can learn.

It searches for the words of the instruction, opens the most promising product, looks through its pages for what is not
proven yet, goes on to the next one if something is missing, and after a few settles for the best.
"""

from __future__ import annotations

import random

from agentrl.envs.web.shop.reading import Offer, Page, Wish, instruction_of, read_compact, read_instruction, read_text
from agentrl.envs.web.shop.visit import BACK, BUY, NEXT, PREV

_TRIES = 3
"""Products that it looks at before it takes the best of them."""


class Shopper:
    """Shops for one instruction.

    Args:
        compact: whether the pages are of the mode `compact`.
        mistakes: chance, each turn, of a plausible but useless action, after which it goes on as before.
        seed: of the mistakes; without mistakes nothing is random.
    """

    def __init__(self, *, compact: bool, mistakes: float = 0.0, seed: int = 0) -> None:
        self.last_was_mistake = False
        self._read = read_compact if compact else read_text
        self._mistakes, self._random = mistakes, random.Random(seed)
        self._wish: Wish | None = None
        self._open = ""
        """Title of the product that was opened last."""
        self._proven: dict[str, set[str]] = {}
        """Title → wanted attributes that were read of it."""
        self._looked: dict[str, list[str]] = {}
        """Title → its pages that were opened."""
        self._chosen: set[str] = set()
        self._best: dict[str, int] = {}
        """Title → wants that it meets, for products that were found wanting."""

    def act(self, observation: str) -> str:
        """The next action, given what the last one brought (at first: the first observation)."""
        if self._wish is None:
            self._wish = read_instruction(instruction_of(observation))
        page = self._read(observation)
        proven = self._proven.setdefault(self._open, set())
        if page.kind in ("item", "sub"):
            proven |= {attribute for attribute in self._wish.attributes if attribute in page.words}
        action = self._next(page, self._wish)
        self.last_was_mistake = self._random.random() < self._mistakes
        if self.last_was_mistake:
            action = self._mistake(page, action)
        self._note(page, action)
        return action

    def _next(self, page: Page, wish: Wish) -> str:
        if page.kind == "index":
            return f"search[{' '.join([*wish.attributes, wish.query, *wish.options])}]"
        if page.kind == "results":
            return self._choose(page, wish)
        if page.kind == "sub":
            return f"click[{PREV}]"
        settled = len(self._best) >= _TRIES
        missing = {*wish.attributes} - self._proven[self._open]
        lacking = {*wish.options} - page.options
        if not settled:
            looked = self._looked.setdefault(self._open, [])
            unread = [name for name in ("features", "description") if name not in looked]
            if missing and not lacking and unread:
                return f"click[{unread[0]}]"
            if missing or lacking:
                self._best[self._open] = len(wish.attributes) + len(wish.options) - len(missing) - len(lacking)
                return f"click[{PREV}]"
        for value in wish.options:
            if value in page.options and value not in self._chosen:
                return f"click[{value}]"
        if page.price > wish.limit and not settled and self._chosen.issuperset(wish.options):
            self._best[self._open] = len(wish.attributes) + len(wish.options) - 1
            return f"click[{PREV}]"
        return f"click[{BUY}]"

    def _choose(self, page: Page, wish: Wish) -> str:
        """The product to open, or where to go for more."""
        if len(self._best) >= _TRIES:
            best = max(self._best, key=lambda title: self._best[title])
            known = [offer for offer in page.offers if offer.title == best]
            return f"click[{known[0].name if known else BACK if page.last else NEXT}]"
        new = [offer for offer in page.offers if offer.title not in self._best and offer.price <= wish.limit]
        if not new:
            return f"click[{BACK if page.last else NEXT}]"
        return f"click[{max(new, key=lambda offer: _promise(offer, wish)).name}]"

    def _note(self, page: Page, action: str) -> None:
        """Keep in mind what an action does."""
        what = action.partition("[")[2].removesuffix("]")
        if page.kind == "results":
            for offer in page.offers:
                if offer.name == what:
                    self._open, self._chosen = offer.title, set()
        elif page.kind == "item":
            if what in ("features", "description"):
                self._looked.setdefault(self._open, []).append(what)
            elif what in page.options:
                self._chosen.add(what)

    def _mistake(self, page: Page, planned: str) -> str:
        """What somebody might do who is not attentive; nothing that ends the episode."""
        if page.kind == "index":
            options = ["search", "click[search]", f"click[{BACK}]"]
        elif page.kind == "results":
            options = [f"click[{offer.name}]" for offer in page.offers] + [f"click[{BACK}]", "search[more]"]
        elif page.kind == "item":
            options = ["click[reviews]", f"click[{PREV}]", "click[buy]"]
        else:
            options = ["click[buy now]", f"click[{BACK}]"]  # a sub-page has nothing to buy
        return self._random.choice([option for option in options if option != planned])


def _promise(offer: Offer, wish: Wish) -> int:
    """Wanted attributes in the title; of equals, the search's order decides."""
    return sum(attribute in offer.title for attribute in wish.attributes)
