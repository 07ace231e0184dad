"""The oracle: knows which product is meant, and goes to it by what the pages offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentrl.envs.web.shop.products import Goal
from agentrl.envs.web.shop.reward import matched_options
from agentrl.envs.web.shop.visit import BACK, BUY, NEXT, PREV, SUB_PAGES, WINDOW, Shop, Visit
from agentrl.errors import ConfigError


def walk(shop: Shop, visit: Visit) -> Iterator[str]:
    """Actions that buy what a visit is for, from where it is.

    Raises:
        ConfigError: no search that the oracle knows of finds the product; only with files that are not ours.
    """
    wanted = visit.goal.product
    if visit.page in SUB_PAGES and shop.open_product(visit) == wanted:
        yield f"click[{PREV}]"
    elif visit.page != "item" or shop.open_product(visit) != wanted:
        if visit.page != "index":
            yield f"click[{BACK}]"
        query, place = _query(shop, visit.goal)
        yield f"search[{query}]"
        yield from [f"click[{NEXT}]"] * (place // WINDOW)
        yield f"click[{wanted.asin.lower()}]"
        visit = Visit(visit.goal)
    for group, value in _options(visit.goal).items():
        if visit.chosen.get(group) != value:
            yield f"click[{value}]"
    yield f"click[{BUY}]"


def _query(shop: Shop, goal: Goal) -> tuple[str, int]:
    """A search that finds the product, and its place among the results."""
    product = goal.product
    titles: Sequence[str] = (goal.query, product.title.lower(), f"<q> {product.query}")
    for query in filter(None, titles):
        found = [shop.products[i].asin for i in shop.search.find(query)]
        if product.asin in found:
            return query, found.index(product.asin)
    raise ConfigError(f"{product.asin} is found neither by its title nor under {product.query!r}")


def _options(goal: Goal) -> dict[str, str]:
    """The options to choose, by the groups of the product: the same values, or else those that match best."""
    chosen = {}
    for value in goal.options.values():
        for group, values in goal.product.options.items():
            near = [v for v in values if v == value] or [v for v in values if matched_options([v], [value])]
            if near and group not in chosen:
                chosen[group] = near[0]
                break
    return chosen
