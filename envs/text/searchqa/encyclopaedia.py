"""Articles that can be searched by words and opened by title."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from agentrl.envs.text.searchqa.articles import Article
from agentrl.errors import MissingExtraError

try:
    import bm25s
    from bm25s.stopwords import STOPWORDS_EN
except ImportError as error:
    raise MissingExtraError("bm25s", "search") from error

HITS = 3
"""Articles that a search shows, and titles that are suggested."""
_QUERY_WORDS = 64
"""Of a query; the rest of a longer one is not searched for."""
_TITLE = 200
"""Characters of a title that are compared with others."""
_SNIPPET_WORDS = 40
_LENGTH = 0.3
"""BM25's b, below the usual 0.75: an article that tells more is no less likely the one that is looked for."""
_STOPWORDS = frozenset(STOPWORDS_EN)
_WORD = re.compile(r"\w+")


class Encyclopaedia:
    """Immutable; one serves all environments of a process.

    Args:
        articles: at least one, with titles that differ by more than case.
    """

    def __init__(self, articles: Sequence[Article]) -> None:
        self.articles = articles
        self._by_title = {article.title.casefold(): article for article in articles}
        self._words = Index(_terms(a.title) + [t for s in a.sentences for t in _terms(s)] for a in articles)
        self._letters = Index(_trigrams(a.title) for a in articles)

    def find(self, title: str) -> Article | None:
        """The article of a title, in any case."""
        return self._by_title.get(" ".join(title.split()).casefold())

    def near(self, title: str) -> list[str]:
        """Titles spelled most like this one; none where not three letters agree."""
        return [self.articles[i].title for i in self._letters.best(_trigrams(title))]

    def search(self, query: str) -> list[tuple[str, str]]:
        """The titles that match best by BM25, each with the sentence of the article that has most of the query."""
        asked = _terms(" ".join(query.split()[:_QUERY_WORDS]))
        return [(self.articles[i].title, _snippet(self.articles[i], set(asked))) for i in self._words.best(asked)]


class Index:
    """BM25 over documents that are lists of terms."""

    def __init__(self, documents: Iterable[list[str]]) -> None:
        self._bm25: Any = bm25s.BM25(b=_LENGTH)
        self._bm25.index(list(documents), show_progress=False)

    def best(self, terms: list[str]) -> list[int]:
        """Numbers of the documents that score highest, of equal ones the earlier first."""
        known = self._bm25.get_tokens_ids(terms)
        if not known:
            return []
        scores = self._bm25.get_scores_from_ids(known)
        (found,) = scores.nonzero()
        return [int(i) for i in found[np.argsort(-scores[found], kind="stable")[:HITS]]]


def words(text: str) -> list[str]:
    """The words of a text, in lower case and without punctuation."""
    return _WORD.findall(text.casefold())


def _terms(text: str) -> list[str]:
    """Words and pairs of neighbours, so that both words of a name count for more than one word of two names."""
    found = words(text)
    single = [word for word in found if word not in _STOPWORDS] or found
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def _trigrams(title: str) -> list[str]:
    text = f" {' '.join(words(title[:_TITLE]))} "
    return [text[i : i + 3] for i in range(len(text) - 2)]


def _snippet(article: Article, asked: set[str]) -> str:
    best = max(article.sentences, key=lambda sentence: len(asked.intersection(_terms(sentence))))
    cut = best.split(maxsplit=_SNIPPET_WORDS)
    return best if len(cut) <= _SNIPPET_WORDS else " ".join(cut[:_SNIPPET_WORDS]) + " …"
