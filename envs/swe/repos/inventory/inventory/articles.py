"""What there is to be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


class UnknownArticleError(LookupError):
    """There is no such article."""


def check_digit(digits: str) -> int:
    """The last digit of an article number (EAN-8, EAN-13) from those before it."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -weighted % 10


def valid_number(number: str) -> bool:
    """Whether it has 8 or 13 digits, the last of which is right."""
    if len(number) not in (8, 13) or not number.isdecimal():
        return False
    return int(number[-1]) == check_digit(number[:-1])


@dataclass(frozen=True)
class Article:
    """Something that is stored.

    Raises:
        ValueError: the number is not valid, or a quantity is senseless.
    """

    number: str
    name: str
    price: int
    """Of one, in cents."""
    reorder_at: int = 0
    """Order more when so many or fewer are available."""
    order_size: int = 1
    """How many come in a package; orders are of whole packages."""
    tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not valid_number(self.number):
            raise ValueError(f"{self.number!r} is no article number")
        if self.price < 0 or self.reorder_at < 0 or self.order_size < 1:
            raise ValueError(f"{self.name}: price, reorder_at or order_size is out of range")


class Catalogue:
    """All articles, by number."""

    def __init__(self, articles: Iterable[Article] = ()) -> None:
        self._articles: dict[str, Article] = {}
        for article in articles:
            self.add(article)

    def add(self, article: Article) -> None:
        """Add an article.

        Raises:
            ValueError: its number is taken.
        """
        if article.number in self._articles:
            raise ValueError(f"number {article.number} is taken by {self._articles[article.number].name}")
        self._articles[article.number] = article

    def __getitem__(self, number: str) -> Article:
        if number not in self._articles:
            raise UnknownArticleError(f"there is no article {number}")
        return self._articles[number]

    def __contains__(self, number: object) -> bool:
        return number in self._articles

    def __iter__(self) -> Iterator[Article]:
        return iter(self._articles.values())

    def __len__(self) -> int:
        return len(self._articles)

    def search(self, text: str = "", tags: Iterable[str] = ()) -> list[Article]:
        """Articles with all the tags whose names have all the words, in either case, by name."""
        words = text.lower().split()
        wanted = set(tags)
        found = [
            article
            for article in self
            if wanted <= article.tags and all(word in article.name.lower() for word in words)
        ]
        return sorted(found, key=lambda article: (article.name, article.number))
