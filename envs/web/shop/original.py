"""WebShop's own products and instructions, from the files that its `setup.sh` downloads."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product as combinations
from pathlib import Path
from typing import Any

from agentrl.envs.web.shop.goals import ask, price_limit
from agentrl.envs.web.shop.products import Goal, Product, Review
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError

PRODUCTS, SYNTHETIC, HUMAN, REVIEWS = (
    "items_shuffle*.json",
    "items_ins_v2*.json",
    "items_human_ins.json",
    "reviews.json",
)
_NO_PRICE = 10_000
_FULL = 3_000
"""Goals from which on the splits are cut where WebShop cuts them."""


class GivenGoals:
    """Goals of files: `test/17` is the 18th for testing, after WebShop's shuffle.

    The first 500 are for testing and the next 1,000 for validation, as in WebShop; of fewer than 3,000, a tenth each.
    """

    def __init__(self, goals: Sequence[Goal]) -> None:
        shuffled = list(goals)
        random.Random(233).shuffle(shuffled)  # the seed is WebShop's
        tenth = -(-len(shuffled) // 10)
        test, valid = (500, 1_500) if len(shuffled) >= _FULL else (tenth, 2 * tenth)
        cut = {"train": shuffled[valid:], "valid": shuffled[test:valid], "test": shuffled[:test]}
        self._goals = {split: part for split, part in cut.items() if part}
        self.splits = tuple(self._goals)

    def ids(self, split: str) -> Sequence[str]:
        """Ids of a split."""
        return [f"{split}/{i}" for i in range(len(self._goals[split]))]

    def goal(self, task_id: str) -> Goal:
        """The goal of an id.

        Raises:
            UnknownNameError: there is none.
        """
        match = re.fullmatch(r"(\w+)/(0|[1-9]\d{0,7})", task_id, re.ASCII)
        part = self._goals.get(match[1], []) if match else []
        if not match or int(match[2]) >= len(part):
            raise UnknownNameError("task", task_id, [f"{split}/{len(part) - 1}" for split, part in self._goals.items()])
        return part[int(match[2])]

    def kind(self, task_id: str) -> str:
        """The category of the product."""
        return self.goal(task_id).product.category


def load(folder: str | os.PathLike[str], *, human: bool, count: int | None) -> tuple[tuple[Product, ...], GivenGoals]:
    """Products and goals of a folder.

    A price that the file gives as a range is drawn in it, by the product's id alone; so are price limits. WebShop draws
    both anew in each process.

    Args:
        human: whether the goals are those that people wrote, or WebShop's synthetic ones.
        count: of the products, the first ones; default all.

    Raises:
        ConfigError: a file is missing, or no product has a goal.
        CorruptFileError: a file is not what it should be.
    """
    path = Path(folder)
    files = {"products": _find(path, PRODUCTS), "attributes": _find(path, SYNTHETIC)}
    instructions = _read(_find(path, HUMAN, "; synthetic goals do without: human=False"), dict) if human else {}
    attributes = _read(files["attributes"], dict)
    reviews = {row["asin"]: row for row in _read(path / REVIEWS, list)} if (path / REVIEWS).exists() else {}
    found: dict[str, Product] = {}
    goals: list[Goal] = []
    for place, row in enumerate(_read(files["products"], list)[:count]):
        try:
            asin = row["asin"]
            if asin == "nan" or len(asin) > 10 or asin in found:
                continue
            known = attributes.get(asin, {})
            found[asin] = product = _product(row, known, reviews.get(asin, {}))
            goals += _human(product, instructions.get(asin, [])) if human else _synthetic(product, known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"entry {place}: {type(error).__name__}: {error}"
            raise CorruptFileError(files["products"], f"{what}; it is not as WebShop's files are") from error
    if not goals:
        raise ConfigError(f"{path}: no product has an instruction: take more products, or the other goals (human=…)")
    return tuple(found.values()), GivenGoals(goals)


def _find(folder: Path, pattern: str, hint: str = "") -> Path:
    """The file of a pattern with the shortest name, which is that of the complete set.

    Raises:
        ConfigError: there is none.
    """
    found = sorted(folder.glob(pattern), key=lambda path: (len(path.name), path.name))
    if not found:
        raise ConfigError(f"{folder} has no {pattern}, which WebShop's setup.sh downloads into its data folder{hint}")
    return found[0]


def _read(path: Path, kind: type) -> Any:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptFileError(path, f"cannot be read as JSON: {error}") from error
    if not isinstance(data, kind):
        raise CorruptFileError(path, f"holds a {type(data).__name__} where WebShop has a {kind.__name__}")
    return data


def _product(row: Mapping[str, Any], known: Mapping[str, Any], reviewed: Mapping[str, Any]) -> Product:
    features = row["small_description"]
    low, *high = _prices(row.get("pricing"))
    rng = random.Random(f"agentrl webshop price {row['asin']}")
    return Product(
        asin=row["asin"],
        category=row["category"],
        query=row["query"].lower().strip(),
        title=row["name"],
        path=row["product_category"],
        attributes=tuple(known.get("attributes", ("DUMMY_ATTR",))),
        features=tuple(features) if isinstance(features, list) else (features or "",),
        description=row["full_description"] or "",
        options=_options(row.get("customization_options") or {}),
        price=rng.randint(min(low, *high), max(low, *high)) if high else low,
        rating=str(reviewed.get("average_rating", "N.A.")),
        reviews=tuple(_reviews(reviewed.get("reviews", ()))),
        tag=" to ".join(f"${cents / 100}" for cents in (low, *high)),
    )


def _prices(pricing: str | None) -> list[int]:
    """One price or two, in cents: of `$1,299.00$1,499.00`."""
    numbers = [re.sub(r"[^\d.]", "", part) for part in (pricing or "").split("$")[1:]]
    return [round(float(number) * 100) for number in numbers[:2]] or [_NO_PRICE]


def _options(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        name.lower(): tuple(value["value"].strip().replace("/", " | ").lower() for value in values)
        for name, values in given.items()
        if values is not None
    }


def _reviews(given: Sequence[Mapping[str, Any]]) -> Iterator[Review]:
    for row in given:
        yield Review(str(row["title"]), str(row.get("score", row.get("stars"))), str(row.get("review", "")))


def _human(product: Product, instructions: Sequence[Mapping[str, Any]]) -> Iterator[Goal]:
    for number, row in enumerate(instructions):
        if row["instruction_attributes"]:
            limit = price_limit(product.price, random.Random(f"agentrl webshop limit {product.asin} {number}"))
            options = row["instruction_options"]  # a dict, or a list of values
            chosen = dict(options) if isinstance(options, dict) else {str(i): o for i, o in enumerate(options)}
            wish = ask(row["instruction"].strip("."), {}, limit)
            yield Goal(wish, product, tuple(row["instruction_attributes"]), chosen, limit)


def _synthetic(product: Product, known: Mapping[str, Any]) -> Iterator[Goal]:
    """One goal for each combination of options; all have the same price limit."""
    if known.get("instruction") is None:
        return
    limit = price_limit(product.price, random.Random(f"agentrl webshop limit {product.asin}"))
    groups = sorted(product.options)
    for values in combinations(*(product.options[group] for group in groups)):
        options = dict(zip(groups, values, strict=True))
        wish = ask(known["instruction"], options, limit)
        yield Goal(wish, product, tuple(known["instruction_attributes"]), options, limit)
