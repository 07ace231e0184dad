"""A visit to the shop: which page is open, and what an action does there.

The pages and what leads from one to another are WebShop's. All surfaces (text, a browser) act on the same `Visit`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from agentrl.envs.web.shop.nouns import Nouns
from agentrl.envs.web.shop.products import Goal, Product
from agentrl.envs.web.shop.reward import Verdict, verdict
from agentrl.envs.web.shop.search import Search

WINDOW = 10
"""Results on a page."""
BACK, NEXT, PREV, BUY = "back to search", "next >", "< prev", "buy now"
SUB_PAGES = ("description", "features", "reviews", "attributes")
_ACTION = re.compile(r"\s*(search|click)\[(.*)\]\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Visit:
    """State of an episode; never changed, only replaced."""

    goal: Goal
    page: str = "index"
    """`index`, `results`, `item`, one of `SUB_PAGES`, or `done`."""
    keywords: str = ""
    found: tuple[int, ...] = ()
    """Numbers of the products that the search found."""
    number: int = 1
    """Of the page of results."""
    item: int | None = None
    """Number of the product that is open."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Group of options → value."""
    verdict: Verdict | None = None
    """Of the purchase."""

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the products on this page of results."""
        return self.found[(self.number - 1) * WINDOW : self.number * WINDOW]

    @property
    def pages(self) -> int:
        """How many pages of results there are, at least one."""
        return max(1, -(-len(self.found) // WINDOW))


class Shop:
    """Products that can be looked for and bought; immutable, one serves all visits of a process.

    Args:
        products: at least one.
        nouns: what tells the nouns of a title, for the reward.
    """

    def __init__(self, products: Sequence[Product], nouns: Nouns) -> None:
        self.products, self._nouns = products, nouns

    @cached_property
    def search(self) -> Search:
        """The search over all products."""
        return Search(self.products)

    def clickables(self, visit: Visit) -> list[str]:
        """What can be clicked on a page, in lower case: buttons, then products or options, as WebShop lists them."""
        if visit.page == "results":
            turns = [PREV] * (visit.number > 1) + [NEXT] * (visit.number < visit.pages)
            return [BACK, *turns, *(self.products[i].asin.lower() for i in visit.shown)]
        if visit.page in SUB_PAGES:
            return [BACK, PREV]
        if visit.page == "item":
            return [BACK, PREV, *SUB_PAGES, BUY, *dict.fromkeys(_values(self.open_product(visit)))]
        return []

    def open_product(self, visit: Visit) -> Product:
        """The product whose page, or sub-page, is open."""
        assert visit.item is not None
        return self.products[visit.item]

    def act(self, visit: Visit, action: str) -> Visit | None:
        """The visit after `search[words]` or `click[what]`; None where the page offers no such thing.

        On a page of results, `click[3]` opens the third product, as its id does.
        """
        match = _ACTION.fullmatch(action)
        if not match:
            return None
        words = match[2].strip().lower()
        if match[1] == "click":
            return self._click(visit, words)
        if visit.page != "index" or not words:
            return None
        return replace(visit, page="results", keywords=words, found=self.search.find(words))

    def _click(self, visit: Visit, what: str) -> Visit | None:
        if visit.page == "results" and what in _RANKS[: len(visit.shown)]:
            return replace(visit, page="item", item=visit.shown[_RANKS.index(what)])
        if what not in self.clickables(visit):
            return None
        if what == BACK:
            return Visit(visit.goal)
        if visit.page == "results":
            return self._from_results(visit, what)
        if visit.page in SUB_PAGES:
            return replace(visit, page="item")
        if what == PREV:
            return replace(visit, page="results", item=None, chosen={})
        if what in SUB_PAGES:
            return replace(visit, page=what)
        product = self.open_product(visit)
        if what == BUY:
            return replace(visit, page="done", verdict=verdict(visit.goal, product, visit.chosen, self._nouns))
        group = next(name for name, values in product.options.items() if what in values)
        return replace(visit, chosen={**visit.chosen, group: what})

    def _from_results(self, visit: Visit, what: str) -> Visit:
        if what in (NEXT, PREV):
            return replace(visit, number=visit.number + (1 if what == NEXT else -1))
        ids = [self.products[i].asin.lower() for i in visit.shown]
        return replace(visit, page="item", item=visit.shown[ids.index(what)])


_RANKS = tuple(map(str, range(1, WINDOW + 1)))


def _values(product: Product) -> Iterator[str]:
    for values in product.options.values():
        yield from values
