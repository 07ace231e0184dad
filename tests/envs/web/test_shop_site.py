"""The shop as a site: what a browser sees and does is what text shows and does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from tests.conftest import require

for component in ("bm25s", "rapidfuzz", "jinja2", "starlette", "httpx"):
    require(component)

from starlette.testclient import TestClient

from agentrl.envs.web.shop.env import WebShopEnv
from agentrl.envs.web.shop.site import Site, asgi

TASK = "test/grocery/0"
ENV = WebShopEnv(products=1_000)


@pytest.fixture
def site() -> Site:
    return ENV.site()


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    with TestClient(asgi(site)) as client:
        yield client


def buttons(page: str) -> dict[str, str]:
    """Label → action."""
    found = re.findall(r'<button[^>]*name="action" value="([^"]*)"[^>]*>([^<]*)</button>', page)
    return {unescape(label): unescape(action) for action, label in found}


def act(client: TestClient, action: str) -> str:
    """Do in the browser what a text action says, by the fields and buttons of the page."""
    if action.startswith("search["):
        page = client.get("/").text
        assert 'name="keywords"' in page
        return client.post("/", data={"keywords": action[7:-1]}).text
    actions = buttons(client.get("/").text)
    assert action in actions.values()
    return client.post("/", data={"action": action}).text


def test_the_oracles_way_leads_through_the_site_and_shows_what_the_text_shows(client: TestClient, site: Site) -> None:
    text, _ = ENV.reset(options={"task": TASK})
    page = client.get("/", params={"task": TASK}).text
    for action in ENV.oracle():
        shown = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
        for part in text.split(" [SEP] "):
            assert part.removesuffix(":") in shown or part == "Search"
        text, reward, _, _, info = ENV.step(action)
        page = act(client, action)
        (visit,) = site.visits.values()
        assert visit == ENV.state or info["outcome"].solved
    assert f'<b id="reward">{reward}</b>' in page
    assert reward == 1
    (visit,) = site.visits.values()
    assert visit.verdict is not None
    assert visit.verdict.channels() == info["rewards"]


def test_buttons_are_the_clickables_of_the_text(client: TestClient) -> None:
    client.get("/", params={"task": TASK})
    ENV.reset(options={"task": TASK})
    for action in ("search[trail mix]", "click[next >]", "click[2]", "click[reviews]"):
        *_, info = ENV.step(action)
        page = client.post("/", data={"action": action}).text
        assert {*buttons(page).values()} == {*info["admissible_commands"]}


def test_chosen_options_are_pressed(client: TestClient) -> None:
    client.get("/", params={"task": TASK})
    client.post("/", data={"keywords": "trail mix"})
    page = client.post("/", data={"action": "click[1]"}).text
    assert 'aria-pressed="true"' not in page
    value = re.findall(r'value="click\[([^"]*)\]" aria-pressed="false"', page)[-1]
    page = client.post("/", data={"action": f"click[{value}]"}).text
    assert re.findall(r'value="click\[([^"]*)\]" aria-pressed="true"', page) == [value]


def test_visitors_do_not_meet(site: Site) -> None:
    with TestClient(asgi(site)) as one, TestClient(asgi(site)) as two:
        one.get("/", params={"task": TASK})
        two.get("/")
        one.post("/", data={"keywords": "trail mix"})
        assert "Results" in one.get("/").text
        assert "Results" not in two.get("/").text
        assert len(site.visits) == 2


def test_what_people_write_is_text(client: TestClient) -> None:
    client.get("/", params={"task": TASK})
    page = client.post("/", data={"keywords": "<script>alert(1)</script> trail mix"}).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_refusals(client: TestClient, site: Site) -> None:
    client.get("/", params={"task": TASK})
    refused = client.post("/", data={"action": "click[buy now]"})
    assert refused.status_code == 409
    assert "This page offers no such thing" in refused.text
    assert client.post("/", data={}).status_code == 409
    assert client.post("/", content=b"\xff\xfe").status_code == 409
    assert client.post("/", content=b"x" * 100_000).status_code == 413
    assert client.get("/nowhere").status_code == 404
    missing = client.get("/", params={"task": "test/grocery/x"})
    assert missing.status_code == 404
    assert "unknown task" in missing.text
    assert client.get("/", headers={"Cookie": "visit=nobody"}).status_code == 200  # a new visit
    with TestClient(asgi(Site(ENV.shop))) as stranger:  # shows only what it was given
        assert stranger.get("/").status_code == 404
        assert stranger.get("/", params={"task": TASK}).status_code == 404


def test_a_visit_is_handed_to_a_browser(site: Site) -> None:
    ENV.reset(options={"task": TASK})
    ENV.step("search[trail mix]")
    assert ENV.state is not None
    name = site.open(ENV.state)
    with TestClient(asgi(site)) as client:
        assert "Results" in client.get("/", params={"visit": name}).text
        client.post("/", data={"action": "click[1]"})
    assert site.visits[name] == ENV.shop.act(ENV.state, "click[1]")
