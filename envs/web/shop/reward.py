"""WebShop's reward, given when something is bought.

    reward = type · (matched attributes + matched options + price held) / (attributes + options + 1)

That of the released WebShop (Yao et al., 2022, arXiv:2207.01206), whose own test cases are in
`tests/envs/web/test_shop_reward.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentrl.envs.web.shop.colours import normal
from agentrl.envs.web.shop.nouns import Nouns
from agentrl.envs.web.shop.products import Goal, Product
from agentrl.errors import MissingExtraError

try:
    from rapidfuzz import fuzz, utils
except ImportError as error:
    raise MissingExtraError("rapidfuzz", "shop") from error

_ALIKE = 85
"""Of 100: texts that are more alike than this match."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a purchase; all in [0, 1]."""

    type: float
    attributes: float
    options: float | None
    """None where the goal names none."""
    price: float
    total: float
    """The reward."""

    def channels(self) -> dict[str, float]:
        """As reward channels."""
        parts = {"type": self.type, "attributes": self.attributes, "options": self.options, "price": self.price}
        return {"outcome": self.total} | {name: value for name, value in parts.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TypeMatch:
    """Whether two products are of one type."""

    query: bool
    category: bool
    title: float
    """Share of the nouns of the wanted title that the bought one has."""

    @property
    def score(self) -> float:
        """The factor of the reward."""
        if self.title == 0:
            return 0.0
        if self.title < 0.1:
            return 0.1
        return 1.0 if self.query or self.category or self.title > 0.2 else 0.5


def verdict(goal: Goal, bought: Product, chosen: Mapping[str, str], nouns: Nouns) -> Verdict:
    """What a product with chosen options is worth to a goal."""
    kind = match_type(bought, goal.product, nouns).score
    attributes = matched_attributes(bought, goal.attributes)
    options = matched_options(chosen.values(), goal.options.values())
    cheap = goal.price_upper is None or bought.price_with(chosen) <= goal.price_upper
    asked = len(goal.attributes) + len(goal.options)
    return Verdict(
        type=kind,
        attributes=attributes / len(goal.attributes),
        options=options / len(goal.options) if goal.options else None,
        price=float(cheap),
        total=kind * (attributes + options + cheap) / (asked + 1),
    )


def match_type(bought: Product, wanted: Product, nouns: Nouns) -> TypeMatch:
    """Compare the types of two products."""
    places = {*map(str.strip, bought.path.split("›"))} & {*map(str.strip, wanted.path.split("›"))}
    desired = nouns(wanted.title)
    shared = {*desired} & {*nouns(bought.title)}
    title = len(shared) / len(desired) if desired else 0.2
    return TypeMatch(bought.query == wanted.query, len(places) >= 2, title)


def matched_attributes(bought: Product, wanted: Iterable[str]) -> int:
    """How many of the wanted attributes a product has, by its list of them or by its texts."""
    texts = (bought.title.lower(), " ".join(bought.features).lower(), bought.description.lower())
    return sum(any(_alike(a, w) for a in bought.attributes) or any(w in text for text in texts) for w in wanted)


def matched_options(chosen: Iterable[str], wanted: Iterable[str]) -> int:
    """How many of the wanted options are among the chosen ones, whatever group they are of."""
    have = [normal(option) for option in chosen]
    return sum(any(_alike(option, normal(w)) for option in have) for w in wanted)


def _alike(a: str, b: str) -> bool:
    """As `thefuzz.fuzz.token_set_ratio`: without case, marks and what is not ASCII, rounded to a whole number."""
    return round(fuzz.token_set_ratio(_plain(a), _plain(b))) > _ALIKE


def _plain(text: str) -> str:
    return utils.default_process(text.encode("ascii", "ignore").decode())
