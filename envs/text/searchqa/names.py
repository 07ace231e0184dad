"""Names of things that do not exist, from a small stock of invented words.

Every name is a pair of words of the stock, so that names of held-out entities are new pairs of words that also occur
elsewhere: what a policy learned to read and to copy, it can read and copy there. Some words differ in one vowel only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

from agentrl.envs.text.searchqa.relations import Kind

_ONSETS = (*"bdfghklmnprstvz", "br", "dr", "gr", "kl", "st", "tr")
_VOWELS = "aeiou"
_CODAS = ("", *"nrls", "th")

_SECOND: dict[Kind, tuple[str, ...]] = {
    "town": ("Bay", "Bridge", "Cross", "Falls", "Ferry", "Field", "Ford", "Gate", "Hill", "Mouth", "Springs", "Wells"),
    "region": ("Coast", "Highlands", "Island", "Marches", "Plains", "Vale"),
    "company": (
        *("Bank", "Brewery", "Clothing", "Dairy", "Foundry", "Glass", "Insurance", "Mills", "Mines", "Motors"),
        *("Optics", "Paper", "Press", "Salt", "Shipping", "Tannery", "Timber", "Tools", "Weavers", "Works"),
    ),
}
_NOUNS = (
    *("Anchor", "Bell", "Bridge", "Candle", "Clock", "Crown", "Daughter", "Door", "Feather", "Garden", "Ghost", "Harp"),
    *("Island", "Key", "Lantern", "Letter", "Map", "Mirror", "Moth", "Orchard", "Raven", "River", "Shadow", "Ship"),
    *("Song", "Stone", "Storm", "Thief", "Tower", "Winter"),
)
_SPARE = 2
"""Names that could be drawn, for each that is."""
_NEAR = 0.15
"""Share of words that differ from another one in one vowel only."""
_TWINS = 0.3
"""Chance of a name that contains one of these to have a twin, which differs in that vowel only."""


class Names:
    """Draws names, none of them twice.

    Args:
        rng: chooses among the names that could be; the words that they are made of are those of all worlds of a size.
        counts: how many of each kind will be drawn.
    """

    def __init__(self, rng: random.Random, counts: Mapping[Kind, int]) -> None:
        self._rng, self._inventor = rng, random.Random("agentrl searchqa words")
        self._words: set[str] = set()
        self._near: dict[str, str] = {}
        self._taken: set[str] = set()
        people = math.sqrt(counts["person"])
        given, family = self._stock(1.5 * people), self._stock(3 * people)
        self._pairs: dict[Kind, tuple[Sequence[str], Sequence[str]]] = {"person": (given, family)}
        for kind, second in _SECOND.items():
            self._pairs[kind] = self._stock(_SPARE * counts[kind] / len(second)), second
        self._pairs["work"] = _NOUNS, self._stock(_SPARE * counts["work"] / len(_NOUNS))

    def draw(self, kind: Kind) -> list[str]:
        """An unused name of a kind; sometimes two, which are nearly the same."""
        first, second = self._pairs[kind]
        while (name := _join(kind, a := self._rng.choice(first), b := self._rng.choice(second))) in self._taken:
            pass
        drawn = [name]
        if (a in self._near or b in self._near) and self._rng.random() < _TWINS:
            twin = _join(kind, self._near[a], b) if a in self._near else _join(kind, a, self._near[b])
            drawn += [twin] if twin not in self._taken else []
        self._taken.update(drawn)
        return drawn

    def _stock(self, size: float) -> list[str]:
        stock: list[str] = []
        while len(stock) < max(size, 12):
            model = self._inventor.choice(stock) if stock and self._inventor.random() < _NEAR else ""
            word = self._vary(model) if model else self._invent()
            if word not in self._words:
                self._words.add(word)
                stock.append(word)
                if model:
                    self._near |= {model: word, word: model}
        return stock

    def _invent(self) -> str:
        pick = self._inventor.choice
        return f"{pick(_ONSETS)}{pick(_VOWELS)}{pick(_ONSETS)}{pick(_VOWELS)}{pick(_CODAS)}".capitalize()

    def _vary(self, word: str) -> str:
        """The word with another last vowel."""
        place = max(word.rfind(vowel) for vowel in _VOWELS)
        return word[:place] + self._inventor.choice(_VOWELS.replace(word[place], "")) + word[place + 1 :]


def _join(kind: Kind, first: str, second: str) -> str:
    return f"The {first} of {second}" if kind == "work" else f"{first} {second}"


def alias_of(kind: Kind, name: str) -> str:
    """A shorter name by which people know it, "" for none: "V. Tadel", "Zorin", "Lantern of Koru"."""
    first, _, rest = name.partition(" ")
    return {"person": f"{first[0]}. {rest}", "company": first, "work": rest}.get(kind, "")
