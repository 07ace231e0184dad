"""`WebShop-v0` in Chromium: the same visit, seen as a page and used by clicks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.conftest import require, require_chromium

for component in ("bm25s", "rapidfuzz", "jinja2", "playwright"):
    require(component)

from agentrl.envs.web.shop.env import WebShopEnv
from agentrl.errors import ConfigError
from agentrl.types import Outcome

require_chromium()

TASK = "test/grocery/0"


@pytest.fixture(scope="module")
def env() -> Iterator[WebShopEnv]:
    env = WebShopEnv(products=1_000, browser=True)
    yield env
    env.close()


def element(page: str, name: str) -> str:
    """The id of the element of a name."""
    line = next(line for line in page.splitlines() if name in line)
    match = re.search(r"\[(\w+)\]", line)
    assert match
    return match[1]


def test_an_agent_buys_by_what_it_sees(env: WebShopEnv) -> None:
    wanted = env.reference(TASK)
    page, info = env.reset(options={"task": TASK})
    assert all(part in page for part in wanted["entities"])
    assert info["has_search_bar"]
    page, *_ = env.step(f"fill('{element(page, 'textbox')}', 'trail mix')")
    search = element(page, 'button "Search"')
    page, _, _, _, info = env.step(f"click('{search}')")
    assert "Page 1 (Total results: 50)" in page
    asin = info["clickables"][2].upper()
    page, *_ = env.step(f"click('{element(page, asin)}')")
    page, reward, terminated, _, info = env.step(f"click('{element(page, 'Buy Now')}')")
    assert terminated
    assert f"{reward}" in page
    assert info["rewards"]["outcome"] == reward < 1


def test_the_oracle_buys_with_mouse_and_keyboard_and_forks_on_its_way(env: WebShopEnv) -> None:
    env.reset(options={"task": TASK})
    twins = []
    info = {}
    for action in env.oracle():
        twins.append((env.fork(), action))
        *_, info = env.step(action)
    assert info["outcome"] == Outcome.terminated(success=True)
    fork, click = twins[1]  # the field has been filled, not sent
    page, *_, info = fork.step(click)
    assert "Results" in page
    assert not info["has_search_bar"]
    for action in fork.oracle():
        *_, info = fork.step(action)
    assert info["rewards"]["outcome"] == 1


def test_refused_and_hopeless(env: WebShopEnv) -> None:
    env.reset(options={"task": TASK})
    assert env.step("click('zz')")[4]["outcome"].status == "invalid_action"
    assert env.step("goto('http://example.org/')")[4]["outcome"].status == "invalid_action"
    assert env.step("report_infeasible('no')")[4]["outcome"] == Outcome.terminated(success=False)
    with pytest.raises(ConfigError, match="browser=True"):
        WebShopEnv(products=1_000, browser=True, observation="compact")
