"""The search of the shop: BM25 over the texts that WebShop indexes."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from agentrl.envs.web.shop.products import Product
from agentrl.errors import MissingExtraError

try:
    import bm25s
    from bm25s.stopwords import STOPWORDS_EN
except ImportError as error:
    raise MissingExtraError("bm25s", "shop") from error

HITS = 50
"""Products that a search finds at most."""
_QUERY_WORDS = 64
"""Of a query; the rest of a longer one is not searched for."""
_K1, _B = 0.9, 0.4
"""Those of Pyserini, which WebShop searches with."""
_STOPWORDS = frozenset(STOPWORDS_EN)
_WORD = re.compile(r"\w+")


class Search:
    """Immutable; one serves all episodes of a process.

    Args:
        products: at least one.
    """

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = products
        self._bm25: Any = bm25s.BM25(k1=_K1, b=_B)
        self._bm25.index([_terms(_contents(p)) for p in products], show_progress=False)
        self.find = lru_cache(maxsize=16_384)(self._find)

    def _find(self, query: str) -> tuple[int, ...]:
        """Numbers of the products that match best, of equal ones the earlier first.

        WebShop's special queries: `<a> ATTRIBUTE`, `<c> CATEGORY` and `<q> QUERY` list all products of one, and `<r>`
        draws some, which are the same ones each time: whatever an episode shows follows from its task.
        """
        words = query.split()[:_QUERY_WORDS]
        if not words:
            return ()
        rest = " ".join(words[1:])
        match words[0]:
            case "<r>":
                count = len(self._products)
                return tuple(random.Random(f"agentrl webshop {query}").sample(range(count), min(HITS, count)))
            case "<a>":
                return tuple(i for i, p in enumerate(self._products) if rest in p.attributes)
            case "<c>":
                return tuple(i for i, p in enumerate(self._products) if p.category == rest)
            case "<q>":
                return tuple(i for i, p in enumerate(self._products) if p.query == rest)
        return self._best(_terms(" ".join(words)))

    def _best(self, terms: list[str]) -> tuple[int, ...]:
        known = self._bm25.get_tokens_ids(terms)
        if not known:
            return ()
        scores = self._bm25.get_scores_from_ids(known)
        # Whatever ties with the last place comes along, so that the order among equals is that of the catalogue.
        floor = np.partition(scores, -HITS)[-HITS] if len(scores) > HITS else 0
        (found,) = np.nonzero((scores >= floor) & (scores > 0))
        return tuple(int(i) for i in found[np.argsort(-scores[found], kind="stable")[:HITS]])


def _contents(product: Product) -> str:
    options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in product.options.items())
    return " ".join([product.title, product.description, *product.features[:1], options])


def _terms(text: str) -> list[str]:
    """Words without the commonest, and without the s of a plural."""
    words = (word for word in _WORD.findall(text.lower()) if word not in _STOPWORDS)
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]
