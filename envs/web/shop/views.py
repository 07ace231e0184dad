"""What a page of the shop looks like as text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from agentrl.envs.web.shop.products import Product, dollars
from agentrl.envs.web.shop.visit import SUB_PAGES, Shop, Visit

SEPARATOR = " [SEP] "
WORDS = 200
"""Words and marks of a compact page at most."""
_TITLE_WORDS = 8
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def text(shop: Shop, visit: Visit) -> str:
    """A page as WebShop's observation mode `text` shows it: all that can be read, separated by `[SEP]`."""
    return SEPARATOR.join(_parts(shop, visit))


def _parts(shop: Shop, visit: Visit) -> Iterator[str]:
    if visit.verdict:
        yield from ("Thank you for shopping with us!", "Your score (min 0.0, max 1.0)", f"{visit.verdict.total}")
        return
    if visit.page == "index":
        yield from ("WebShop", "Instruction:", visit.goal.instruction, "Search")
        return
    yield from ("Instruction:", visit.goal.instruction, "Back to Search")
    if visit.page == "results":
        yield f"Page {visit.number} (Total results: {len(visit.found)})"
        yield from (name.title() for name in shop.clickables(visit) if name in ("< prev", "next >"))
        for product in map(shop.products.__getitem__, visit.shown):
            yield from (product.asin, product.title, product.price_tag)
        return
    yield "< Prev"
    product = shop.open_product(visit)
    if visit.page == "item":
        for group, values in product.options.items():
            yield from (group, *values)
        price = dollars(product.price_with(visit.chosen)) if visit.chosen else product.price_tag
        yield from (product.title, f"Price: {price}", f"Rating: {product.rating}")
        yield from (*(page.title() for page in SUB_PAGES), "Buy Now")
    else:
        yield from sub_page(product, visit.page)


def sub_page(product: Product, page: str) -> tuple[str, ...]:
    """What stands on a sub-page of a product."""
    if page == "description":
        return (product.description,)
    if page == "features":
        return product.features
    if page == "attributes":
        return (*product.attributes, product.category, product.query, product.path)
    said = tuple(part for review in product.reviews for part in (f'"{review.title}"', review.score, review.body))
    return said or ("No reviews found",)


def compact(shop: Shop, visit: Visit, words: int) -> str:
    """A page in few words, for small models; the instruction stands only where an episode begins.

    Titles are cut, prices are rounded up to dollars, results have their place on the page instead of their id
    (`click[3]` opens the third), buttons that are always there are left out, and chosen options stand in brackets.

    Args:
        words: and marks that the page has at most; what comes after is cut.
    """
    page = "\n".join(_lines(shop, visit))
    if len(page) > words:  # a word has a character at least
        tokens = list(_TOKEN.finditer(page))
        if len(tokens) > words:
            page = page[: tokens[words - 2].end()] + " …"
    return page


def _lines(shop: Shop, visit: Visit) -> Iterator[str]:
    if visit.verdict:
        yield "bought"
    elif visit.page == "index":
        yield visit.goal.instruction
    elif visit.page == "results":
        yield f"page {visit.number} of {visit.pages}"
        for rank, product in enumerate(map(shop.products.__getitem__, visit.shown), 1):
            yield f"{rank} {_short(product.title)} {whole_dollars(product.price)}"
    elif visit.page == "item":
        product = shop.open_product(visit)
        yield f"{_short(product.title)} {whole_dollars(product.price_with(visit.chosen))}"
        for group, values in product.options.items():
            marked = (f"[{value}]" if visit.chosen.get(group) == value else value for value in values)
            yield f"{group}: {', '.join(marked)}"
    else:
        yield f"{visit.page}: {' '.join(sub_page(shop.open_product(visit), visit.page)).lower()}"


def whole_dollars(cents: int) -> int:
    """A price, rounded up: it is within a limit of whole dollars if and only if the exact one is."""
    return math.ceil(cents / 100)


def _short(title: str) -> str:
    return " ".join(_WORD.findall(title.lower())[:_TITLE_WORDS])
