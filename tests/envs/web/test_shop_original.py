"""`WebShop-v0` on files in the format of WebShop's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

for component in ("bm25s", "rapidfuzz"):
    require(component)

from agentrl.envs.base import Episode
from agentrl.envs.web.shop import original
from agentrl.envs.web.shop.products import Goal, Product, Review
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError

SHIRT: dict[str, Any] = {
    "asin": "B000000001",
    "category": "fashion",
    "query": " Men's T-Shirts ",
    "name": "Arden Men's Cotton T-Shirt [Slim]",
    "product_category": "Clothing, Shoes & Jewelry › Men › Clothing › Shirts",
    "full_description": "A shirt for summer.",
    "small_description": ["Cotton spandex", "Machine wash"],
    "pricing": "$1,019.99$1,024.99",
    "customization_options": {
        "Size": [{"value": " Small "}, {"value": "X-Large"}],
        "Color": [{"value": "navy/white", "image": "x.jpg"}, {"value": "red"}],
        "Style": None,
    },
    "images": ["x.jpg"],
}
MUG: dict[str, Any] = {
    **SHIRT,
    "asin": "B000000002",
    "category": "garden",
    "query": "mugs",
    "name": "Blue Mug",
    "product_category": "Home › Kitchen › Mugs",
    "full_description": None,
    "small_description": "Holds coffee",
    "pricing": "$8.50",
    "customization_options": "",
}
FREE = {**MUG, "asin": "B000000003", "name": "Green Mug", "pricing": None}
ATTRIBUTES = {
    "B000000001": {
        "attributes": ["cotton spandex", "machine wash"],
        "instruction": "Find me machine wash men's t-shirts",
        "instruction_attributes": ["machine wash"],
    },
    "B000000002": {"attributes": ["dishwasher safe"]},
}
HUMAN = {
    "B000000001": [
        {
            "asin": "B000000001",
            "instruction": "i need a navy shirt i can machine wash.",
            "instruction_attributes": ["machine wash"],
            "instruction_options": {"color": "navy | white"},
        },
        {"asin": "B000000001", "instruction": "no", "instruction_attributes": [], "instruction_options": []},
    ],
    "B000000003": [
        {
            "asin": "B000000003",
            "instruction": "a mug",
            "instruction_attributes": ["dishwasher safe", "green"],
            "instruction_options": [],
        }
    ],
}
REVIEWS = [
    {
        "asin": "B000000001",
        "average_rating": 4.5,
        "reviews": [{"title": "Fits", "stars": "5.0", "review": "Well"}, {"title": "Hm", "score": "2.0"}],
    }
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [SHIRT, MUG, FREE, SHIRT, {**MUG, "asin": "nan"}, {**MUG, "asin": "B0000000001"}]
    for name, data in {
        "items_shuffle_1000.json": rows,
        "items_ins_v2_1000.json": ATTRIBUTES,
        "items_human_ins.json": HUMAN,
        "reviews.json": REVIEWS,
    }.items():
        (tmp_path / name).write_text(json.dumps(data), encoding="utf-8")
    return tmp_path


def goals(folder: Path, **kwargs: Any) -> list[Goal]:
    _, source = original.load(folder, **{"human": True, "count": None} | kwargs)
    return [source.goal(task) for split in source.splits for task in source.ids(split)]


def test_products_are_read_as_webshop_reads_them(folder: Path) -> None:
    (shirt, mug, free), _ = original.load(folder, human=True, count=None)
    assert shirt == Product(
        asin="B000000001",
        category="fashion",
        query="men's t-shirts",
        title="Arden Men's Cotton T-Shirt [Slim]",
        path="Clothing, Shoes & Jewelry › Men › Clothing › Shirts",
        attributes=("cotton spandex", "machine wash"),
        features=("Cotton spandex", "Machine wash"),
        description="A shirt for summer.",
        options={"size": ("small", "x-large"), "color": ("navy | white", "red")},
        price=shirt.price,
        rating="4.5",
        reviews=(Review("Fits", "5.0", "Well"), Review("Hm", "2.0", "")),
        tag="$1019.99 to $1024.99",
    )
    assert 101_999 <= shirt.price <= 102_499
    assert (mug.price, mug.price_tag, mug.features, mug.description) == (850, "$8.5", ("Holds coffee",), "")
    assert (free.price, free.price_tag, free.rating, free.attributes) == (10_000, "$100.0", "N.A.", ("DUMMY_ATTR",))


def test_goals_of_people(folder: Path) -> None:
    shirt, mug = sorted(goals(folder), key=lambda goal: goal.product.asin)
    assert shirt.instruction == "i need a navy shirt i can machine wash"  # above all price limits
    assert (shirt.attributes, dict(shirt.options), shirt.price_upper) == (
        ("machine wash",),
        {"color": "navy | white"},
        None,
    )
    assert mug.price_upper in (12_000, 13_000, 14_000)
    assert mug.instruction == f"a mug, and price lower than {mug.price_upper / 100:.2f} dollars"
    assert [goal.instruction for goal in goals(folder)] == [goal.instruction for goal in goals(folder)]


def test_synthetic_goals_take_every_combination_of_options(folder: Path) -> None:
    (folder / "items_human_ins.json").unlink()
    found = {goal.instruction for goal in goals(folder, human=False)}
    colors, sizes = ("navy | white", "red"), ("small", "x-large")
    assert found == {
        f"Find me machine wash men's t-shirts with color: {color}, and size: {size}"
        for color in colors
        for size in sizes
    }


def test_the_complete_files_are_preferred(folder: Path) -> None:
    (folder / "items_shuffle.json").write_text(json.dumps([MUG, FREE]), encoding="utf-8")
    products, _ = original.load(folder, human=True, count=None)
    assert [product.asin for product in products] == ["B000000002", "B000000003"]


def test_splits_are_cut_where_webshop_cuts_them() -> None:
    product = Product("B1", "", "", "", "", ())
    every = [Goal(str(i), product, ("soft",)) for i in range(3_000)]
    source = original.GivenGoals(every)
    assert [len(source.ids(split)) for split in ("train", "valid", "test")] == [1_500, 1_000, 500]
    assert len({source.goal(task).instruction for split in source.splits for task in source.ids(split)}) == 3_000
    few = original.GivenGoals(every[:25])
    assert [len(few.ids(split)) for split in ("train", "valid", "test")] == [19, 3, 3]
    assert original.GivenGoals(every[:1]).splits == ("test",)
    with pytest.raises(UnknownNameError):
        few.goal("test/3")


def test_the_oracle_buys_in_webshops_own_shop(folder: Path) -> None:
    env = gym.make("WebShop-v0", folder=str(folder))
    assert isinstance(env, Episode)
    for split in env.core.splits:
        for task in env.tasks(split):
            env.reset(options={"task": task})
            assert env.kind(task) in ("fashion", "garden")
            *_, (_, _, _, _, info) = [env.step(action) for action in env.oracle()]
            # The green mug has one of the two attributes that are asked for, in its title.
            worth = {"fashion": 1.0, "garden": (1 + 1) / 3}[env.kind(task)]
            assert info["rewards"]["outcome"] == pytest.approx(worth)


def test_what_is_missing_is_told(folder: Path) -> None:
    (folder / "items_human_ins.json").unlink()
    with pytest.raises(ConfigError, match=r"no items_human_ins\.json.*human=False"):
        original.load(folder, human=True, count=None)
    (folder / "items_ins_v2_1000.json").unlink()
    with pytest.raises(ConfigError, match=r"no items_ins_v2\*\.json, which WebShop's setup\.sh downloads"):
        original.load(folder, human=False, count=None)
    with pytest.raises(ConfigError, match=r"no items_shuffle\*\.json"):
        original.load(folder / "nowhere", human=True, count=None)


def test_broken_files_are_told(folder: Path) -> None:
    rows = folder / "items_shuffle_1000.json"
    rows.write_text("[{]", encoding="utf-8")
    with pytest.raises(CorruptFileError, match="cannot be read as JSON"):
        original.load(folder, human=True, count=None)
    rows.write_text("{}", encoding="utf-8")
    with pytest.raises(CorruptFileError, match="holds a dict where WebShop has a list"):
        original.load(folder, human=True, count=None)
    rows.write_text(json.dumps([MUG, {"asin": "B000000004"}]), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="entry 1: KeyError"):
        original.load(folder, human=True, count=None)
    rows.write_text(json.dumps([MUG]), encoding="utf-8")
    with pytest.raises(ConfigError, match="no product has an instruction"):
        original.load(folder, human=True, count=None)
