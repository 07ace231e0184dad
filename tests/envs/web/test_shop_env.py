"""`WebShop-v0` as it is played."""

from __future__ import annotations

import json
import pickle
import re
import time
from itertools import pairwise
from statistics import mean
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

for component in ("bm25s", "rapidfuzz"):
    require(component)

from agentrl.envs.base import Episode
from agentrl.envs.check import check
from agentrl.envs.web.shop.env import WebShopEnv
from agentrl.envs.web.shop.generator import generate, lines
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

PRODUCTS = 2_000
TASK = "test/fashion/0"


def make(**kwargs: Any) -> Episode:
    env = gym.make("WebShop-v0", **{"products": PRODUCTS, "max_episode_steps": 30} | kwargs)
    assert isinstance(env, Episode)
    return env


def shop_of(env: Episode) -> WebShopEnv:
    assert isinstance(env.core, WebShopEnv)
    return env.core


@pytest.fixture(scope="module")
def env() -> Episode:
    return make()


def play(env: Episode, task: str, *actions: str) -> tuple[str, dict[str, Any]]:
    """What the last of some actions brings."""
    seen = env.reset(options={"task": task})
    for action in actions:
        text, *_, info = env.step(action)
        seen = text, info
    return seen


@pytest.mark.parametrize("kwargs", [{}, {"observation": "compact", "words": 100, "split": "test", "seed": 1}], ids=str)
def test_the_contract_holds(kwargs: dict[str, Any]) -> None:
    report = check("WebShop-v0", products=PRODUCTS, **kwargs)
    assert report.passed, str(report)


def test_the_catalogue_follows_from_its_seed() -> None:
    products = generate(3, 200)
    assert products[:100] != generate(4, 200)[:100]
    assert products == generate(3, 200)
    assert len({product.asin for product in products}) == 200
    first = products[0]
    assert (first.asin, first.title, first.price) == (
        "B962648340",
        "Pemberly Cotton Spandex Men's Dress Shirt, Classic Fit",
        2449,
    )


def test_the_texts_of_a_product_prove_its_attributes() -> None:
    for product in generate(0, 500):
        texts = " ".join([product.title, product.description, *product.features]).lower()
        assert all(attribute in texts for attribute in product.attributes)
        assert all(len(set(values)) == len(values) >= 2 for values in product.options.values())
        most = max(product.extras.values(), default=0)
        assert 0 < product.price < product.price + most + 1 <= 2 * product.price


def test_pages_and_what_can_be_clicked_there(env: Episode) -> None:
    text, info = play(env, TASK)
    assert re.fullmatch(r"WebShop \[SEP\] Instruction: \[SEP\] [^\[]+ \[SEP\] Search", text)
    assert (info["has_search_bar"], info["clickables"], info["admissible_commands"]) == (True, [], [])
    text, info = play(env, TASK, "search[red jeans]")
    parts = text.split(" [SEP] ")
    assert parts[2:5] == ["Back to Search", "Page 1 (Total results: 50)", "Next >"]
    asins, titles, tags = parts[5::3], parts[6::3], parts[7::3]
    assert len(asins) == len(tags) == 10
    assert all("Jeans" in title for title in titles)
    assert all(re.fullmatch(r"\$\d+\.\d+( to \$\d+\.\d+)?", tag) for tag in tags)
    assert info["clickables"] == ["back to search", "next >", *map(str.lower, asins)]
    assert info["admissible_commands"] == [f"click[{what}]" for what in info["clickables"]]
    text, info = play(env, TASK, "search[red jeans]", "click[next >]", "click[< prev]", f"click[{asins[3]}]")
    parts = text.split(" [SEP] ")
    assert parts[2:5] == ["Back to Search", "< Prev", "color"]
    assert titles[3] in parts
    assert parts[-5:] == ["Description", "Features", "Reviews", "Attributes", "Buy Now"]
    buttons = ["description", "features", "reviews", "attributes", "buy now"]
    assert info["clickables"][:7] == ["back to search", "< prev", *buttons]
    product = next(p for p in shop_of(env).shop.products if p.asin == asins[3])
    assert info["clickables"][7:] == [value for values in product.options.values() for value in values]
    for page, words in {
        "Description": product.description,
        "Features": product.features[0],
        "Attributes": product.attributes[0],
    }.items():
        text, info = play(env, TASK, "search[red jeans]", f"click[{asins[3]}]", f"click[{page}]")
        assert text.split(" [SEP] ")[2:4] == ["Back to Search", "< Prev"]
        assert words in text
        assert info["clickables"] == ["back to search", "< prev"]
        assert env.step("click[< prev]")[0].endswith("Buy Now")
    assert env.step("click[back to search]")[0].startswith("WebShop")


def test_the_last_page_of_results_ends(env: Episode) -> None:
    seen = set()
    text, info = play(env, TASK, "search[coffee beans]")
    for _ in range(4):
        seen |= {*info["clickables"][2:]}
        text, *_, info = env.step("click[next >]")
    assert "Page 5 (Total results: 50) [SEP] < Prev [SEP] B" in text
    assert "next >" not in info["clickables"]
    assert len(seen - {"next >"}) == 40
    assert play(env, TASK, "search[qwertyuiop]")[1]["clickables"] == ["back to search"]


def test_the_best_match_comes_first_and_special_queries_list(env: Episode) -> None:
    shop = shop_of(env).shop
    for number in (0, 7, 99):
        product = shop.products[number]
        assert number in shop.search.find(f"{product.title} {product.description}".lower())[:3]
    beauty = shop.search.find("<c> beauty")
    assert len(beauty) == PRODUCTS // 5
    assert {shop.products[i].category for i in beauty} == {"beauty"}
    assert {shop.products[i].query for i in shop.search.find("<q> rain jackets")} == {"rain jackets"}
    assert all("non slip" in shop.products[i].attributes for i in shop.search.find("<a> non slip"))
    assert len({*shop.search.find("<r>")}) == 50
    assert shop.search.find("the of") == ()


@pytest.mark.parametrize(
    "action",
    ["", "search[]", "search[ ]", "click[search]", "click[next >]", "buy", "click[buy now]", "search[jeans", "go[x]"],
)
def test_what_a_page_does_not_offer_changes_nothing(env: Episode, action: str) -> None:
    start, _ = play(env, TASK)
    text, info = play(env, TASK, action)
    assert (text, info["rewards"]) == (start, {})
    assert info["outcome"].status == "invalid_action"
    _, info = play(env, TASK, "search[jeans]", "search[shirts]")
    assert info["outcome"].status == "invalid_action"


def test_a_search_that_is_much_too_long_is_cut(env: Episode) -> None:
    text, info = play(env, TASK, "search[" + "jeans " * 50_000 + "]")
    assert "Total results: 50" in text
    assert info["outcome"] == Outcome.running()


def test_options_change_the_price_and_are_forgotten_with_the_product(env: Episode) -> None:
    shop = shop_of(env).shop
    product = next(p for p in shop.products if any(p.extras.values()))
    value = next(value for value, extra in product.extras.items() if extra)
    search = f"search[{product.title} {product.description}]"
    text, _ = play(env, TASK, search, f"click[{product.asin}]")
    assert f"Price: {product.price_tag} [SEP]" in text
    text, _, _, _, _ = env.step(f"click[{value.upper()}]")
    assert f"Price: ${(product.price + product.extras[value]) / 100} [SEP]" in text
    env.step("click[< prev]")
    assert f"Price: {product.price_tag} [SEP]" in env.step(f"click[{product.asin}]")[0]


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_every_goal_is_reachable_from_anywhere(env: Episode, split: str) -> None:
    for number, task in enumerate(env.tasks(split)[:40]):
        _, info = env.reset(options={"task": task})
        if number % 3:
            for action in ["search[lipsticks]", "click[2]", "click[features]"][:number]:
                env.step(action)
        rest = list(env.oracle())
        for action in rest:
            *_, info = env.step(action)
        assert info["outcome"] == Outcome.terminated(success=True)
        assert info["rewards"] == {"outcome": 1, "type": 1, "attributes": 1, "options": 1, "price": 1}
        assert len(rest) <= 12
    assert list(env.oracle()) == []


def test_the_oracle_corrects_what_was_chosen_wrongly(env: Episode) -> None:
    env.reset(options={"task": TASK})
    *actions, buy = env.oracle()
    product = shop_of(env).reference(TASK)["product"]
    goal = next(p for p in shop_of(env).shop.products if p.asin == product)
    wrong = next(v for v in goal.options["color"] if v not in env.reference(TASK)["options"].values())
    play(env, TASK, *actions, f"click[{wrong}]")
    rest = list(env.oracle())
    assert rest == [f"click[{env.reference(TASK)['options']['color']}]", buy]
    assert env.step(buy)[1] < 1


def test_a_wrong_product_earns_a_part_or_nothing(env: Episode) -> None:
    goal = env.reference(TASK)
    asked = len(goal["attributes"]) + len(goal["options"])
    query = next(line.query for line in lines() if line.query in play(env, TASK)[0])
    types = []
    for search, ranks in (("herbal tea", range(1, 6)), (query, range(1, 6))):
        for rank in ranks:
            _, info = play(env, TASK, f"search[{search}]", f"click[{rank}]", "click[buy now]")
            parts = info["rewards"]
            kept = parts["attributes"] * len(goal["attributes"]) + parts["options"] * len(goal["options"])
            assert parts["outcome"] == pytest.approx(parts["type"] * (kept + parts["price"]) / (asked + 1))
            assert info["outcome"] == Outcome.terminated(success=False)
            assert parts["options"] == 0  # none was chosen
            types.append(parts["type"])
    assert max(types[:5]) <= 0.5  # the same brand at most
    assert types[5:] == [1] * 5


def test_splits_are_after_different_products(env: Episode) -> None:
    wanted = {
        split: {env.reference(task)["product"] for task in env.tasks(split)[:200]} for split in shop_of(env).splits
    }
    assert not wanted["train"] & (wanted["valid"] | wanted["test"])
    assert not wanted["valid"] & wanted["test"]
    assert [env.kind(task) for task in env.tasks("test")[:5]] == ["fashion", "beauty", "electronics", "grocery", "home"]
    assert len(env.tasks("test")) == 500


def test_instructions_say_all_and_references_leak_nowhere(env: Episode) -> None:
    for task in env.tasks("test")[:40]:
        known = env.reference(task)
        assert json.loads(json.dumps(known)) == known
        text, info = env.reset(options={"task": task})
        assert all(part in text for part in known["entities"])
        assert f"lower than {known['price_upper'] / 100:.2f} dollars" in text
        assert known["product"] not in text + json.dumps(info, default=str)
        assert info.keys() == {
            "task_id",
            "outcome",
            "rewards",
            "admissible_commands",
            "has_search_bar",
            "clickables",
        }
    with pytest.raises(UnknownNameError):
        env.reference("test/fashion/100")


def test_forks_and_snapshots_go_their_own_ways(env: Episode) -> None:
    env.reset(options={"task": TASK})
    *actions, buy = env.oracle()
    play(env, TASK, *actions)
    point = pickle.loads(pickle.dumps(env.snapshot()))
    twin = env.fork()
    twin.step("click[back to search]")
    assert twin.step("search[tablets]")[0] != env.step("click[reviews]")[0]
    other = make()
    other.restore(point)
    assert other.step(buy)[4]["outcome"].solved


def test_compact_pages_are_short_and_say_what_counts() -> None:
    env = make(observation="compact")
    counts = []
    for task in env.tasks("test")[:25]:
        text, _ = env.reset(options={"task": task})
        assert "SEP" not in text
        for action in env.oracle():
            counts.append(len(re.findall(r"\w+|[^\w\s]", text)))
            text, *_ = env.step(action)
        assert text == "bought"
    assert max(counts) <= 200
    text, info = play(env, TASK, "search[jeans]")
    head, *rows = text.split("\n")
    assert head == "page 1 of 5"
    assert all(re.fullmatch(rf"{i} [a-z ]+ \d+", row) for i, row in enumerate(rows, 1))
    assert len(rows) == 10
    asin = info["clickables"][3 + 2]  # back to search, next >, and then the fourth
    assert play(env, TASK, "search[jeans]", "click[4]") == play(env, TASK, "search[jeans]", f"click[{asin}]")
    text, info = play(env, TASK, "search[jeans]", "click[4]")
    value = info["clickables"][-1]
    assert f"[{value}]" in env.step(f"click[{value}]")[0]
    short = make(observation="compact", words=40)
    text, _ = play(short, TASK, "search[jeans]")
    assert len(re.findall(r"\w+|[^\w\s]", text)) == 40
    assert text.endswith(" …")


@pytest.mark.parametrize("mode", ["text", "compact"])
def test_the_demonstrator_reads_what_it_buys(mode: str) -> None:
    env = make(observation=mode)
    rewards, solved, turns = [], [], []
    for task in env.tasks("train")[:60]:
        text, info = env.reset(options={"task": task})
        shopper, done, steps, reward = env.demonstrator(), False, 0, 0.0
        while not done:
            text, reward, terminated, truncated, info = env.step(shopper.act(text))
            assert info["outcome"].status != "invalid_action"
            done, steps = terminated or truncated, steps + 1
        rewards.append(reward)
        solved.append(info["outcome"].solved)
        turns.append(steps)
    assert mean(solved) > 0.8
    assert mean(rewards) > 0.93
    assert mean(turns) < 10


def test_the_demonstrator_errs_on_purpose_and_recovers() -> None:
    env = make(observation="compact")
    solved, mistakes, traces = [], 0, []
    for seed, task in [*enumerate(env.tasks("train")[:30]), (0, env.tasks("train")[0]), (99, env.tasks("train")[0])]:
        text, info = env.reset(options={"task": task})
        shopper, done, trace = env.demonstrator(seed=seed, mistakes=0.3), False, []
        while not done:
            action = shopper.act(text)
            text, _, terminated, truncated, info = env.step(action)
            assert not (shopper.last_was_mistake and terminated)
            mistakes += shopper.last_was_mistake
            done = terminated or truncated
            trace.append(action)
        solved.append(info["outcome"].solved)
        traces.append(trace)
    assert mistakes > 30
    assert mean(solved[:30]) > 0.6
    assert traces[0] == traces[-2] != traces[-1]


def test_arguments() -> None:
    with pytest.raises(UnknownNameError, match="observation 'html'"):
        make(observation="html")
    with pytest.raises(ConfigError, match="words is for observation='compact'"):
        make(words=50)
    with pytest.raises(ConfigError, match="at least 1"):
        make(products=0)
    with pytest.raises(ConfigError, match="ask for products=200"):
        make(products=150)
    with pytest.raises(ConfigError, match="folder"):
        make(human=False)
    with pytest.raises(UnknownNameError, match="split"):
        make(split="dev")


def test_steps_are_quick(env: Episode) -> None:
    scripts = {}
    for task in env.tasks("train")[:50]:
        env.reset(options={"task": task})
        scripts[task] = list(env.oracle())
    begun = time.process_time()
    for task, actions in scripts.items():
        play(env, task, *actions)
    steps = sum(len(actions) for actions in scripts.values())
    assert steps / (time.process_time() - begun) > 2_000


def test_prices_rise_with_later_options_only() -> None:
    for product in generate(1, 300):
        for values in product.options.values():
            costs = [product.extras.get(value, 0) for value in values]
            assert costs[0] == 0
            assert all(a <= b for a, b in pairwise(costs))
