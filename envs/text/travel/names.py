"""Names of cities, hotels and sights: a word and a number, as in `gallery 31`.

Words and numbers occur in every split, their pairs in one only: what a policy learned to read and to copy, it can read
and copy there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

SPLITS = ("train", "valid", "test")

CITIES = (
    *("arda", "belo", "cava", "dorin", "elst", "faro", "gant", "halm", "istra", "jura", "kest", "lorn"),
    *("mora", "nesse", "orla", "pinto", "quell", "rovan", "selm", "tarn", "ulmo", "vando", "wick", "zara"),
)
HOTELS = ("hotel", "inn", "lodge", "palace", "hostel", "villa")
SIGHTS = {
    "gallery": "art",
    "museum": "art",
    "theatre": "art",
    "park": "nature",
    "lake": "nature",
    "zoo": "nature",
    "castle": "history",
    "temple": "history",
    "ruin": "history",
    "market": "food",
    "winery": "food",
    "bakery": "food",
}
"""Word → theme."""
THEMES = tuple(dict.fromkeys(SIGHTS.values()))

_WORDS = {word: i for words in (CITIES, HOTELS, tuple(SIGHTS)) for i, word in enumerate(words)}


def split_of(name: str) -> str:
    """The split in which a name occurs."""
    word, number = name.split()
    return SPLITS[max(0, (_WORDS[word] + int(number)) % 8 - 5)]


class Names:
    """Draws names of a split, none of them twice."""

    def __init__(self, rng: random.Random, split: str) -> None:
        self._rng, self._split = rng, split
        self._taken: set[str] = set()

    def draw(self, words: Sequence[str]) -> str:
        """An unused name that begins with one of the words."""
        while True:
            name = f"{self._rng.choice(words)} {self._rng.randrange(10, 100)}"
            if name not in self._taken and split_of(name) == self._split:
                self._taken.add(name)
                return name
