"""Pages that one has to look through, or to try."""

from __future__ import annotations

from collections.abc import Iterator

from agentrl.envs.web.miniwob.oracles.page import SUBMIT, Page, Solver, position


def _mail(page: Page) -> Iterator[str]:
    """Some of these pages say the goal in many ways, and keep what they mean; the others say it in one."""
    fields = {"task": "forward"} | (page.evaluate("core.currentFields ?? null") or _mail_fields(page))
    senders = [thread.text for thread in page.all("#main .email-sender")]
    mail = senders.index(fields["by"])
    if fields["task"] in ("delete", "star"):
        yield page.all(f"#main .{'trash' if fields['task'] == 'delete' else 'star'}")[mail].click()
        return
    yield page.all("#main .email-thread")[mail].click()
    if fields["task"] == "reply":
        yield page.one(".email-reply").click()
        yield page.one("#reply-text").fill(fields["message"])
        yield page.one("#send-reply").click()
    else:
        yield page.one(".email-forward").click()
        yield page.one(".forward-sender").fill(fields["to"])
        yield page.one("#send-forward").click()


def _mail_fields(page: Page) -> dict[str, str]:
    (by,) = page.match(r"email by (\w+)")
    if "reply" in page.goal:
        return {"task": "reply", "by": by, "message": page.quoted[-1]}
    if "forward" in page.goal:
        return {"task": "forward", "by": by, "to": page.match(r"to (\w+)\W*$")[0]}
    return {"task": "delete" if "trash" in page.goal else "star", "by": by}


def _social(page: Page) -> Iterator[str]:
    user = page.match(r"by (@\S+?)\.? and")[0]
    button = page.quoted[0].lower()
    posts = [number for number, name in enumerate(page.all(".media .username")) if name.text == user]
    if " on all " not in page.goal:
        posts = posts[: int(page.match(r"on (\d+) post")[0])]
    for number in posts:
        yield page.all(f".media .{button}")[number].click()
    yield page.one("#submitRow button").click()


def _search(page: Page) -> Iterator[str]:
    yield page.one("#search-text").fill(page.quoted[0])
    yield page.one("#search").click()
    place = position(page.match(r"the (\d\w+) search result")[0])
    if place > 2:
        yield page.one("#pagination a", str(place // 3 + 1)).click()
    yield page.one(f'.search-title[data-result="{place}"]').click()


def _contact(page: Page) -> Iterator[str]:
    name, kind = page.match(r"Find (.*) in the contact book and click on their (\w+)")
    while page.one("#contact .name").text != name:
        yield page.one("#pagination .next a").click()
    yield page.one(f"#contact .{kind}").click()


def _food(page: Page) -> Iterator[str]:
    if "one of each" in page.goal:
        for name in page.match(r"item: (.*)")[0].split(", "):
            names = [item.text for item in page.all(".item-name")]
            yield page.all(".food-item .add")[names.index(name)].click()
    else:
        count, kind = page.match(r"Order (\d+) items that are (.*)")
        item = next(item["id"] for item in page.evaluate("MENU") if kind in item["types"])
        for _ in range(int(count)):
            yield page.one(f'[data-id="{item}"] .add').click()
    yield page.one("#submit-order button").click()


def _ticket(page: Page) -> Iterator[str]:
    (wanted,) = page.match(r"with the (.*)\.")
    prices = [int(e.attributes["data-price"]) for e in page.all(".buy-ticket")]
    durations = [int(e.attributes["data-duration"]) for e in page.all(".time-duration")]
    values = prices if "cost" in wanted else durations
    best = min(values) if wanted.split()[0] in ("cheapest", "shortest") else max(values)
    yield page.all(".buy-ticket")[values.index(best)].click()


def _greatest(page: Page) -> Iterator[str]:
    cards = page.all(".card")
    numbers = [int(card.text) for card in cards]
    yield cards[numbers.index(max(numbers))].click()
    yield page.one("#submit").click()


def _guess(page: Page) -> Iterator[str]:
    low, high = 0, 9
    while True:
        middle = (low + high) // 2
        yield page.one("#tt").fill(middle)
        yield page.one(SUBMIT).click()
        if any(hint.shown for hint in page.all("#higher")):
            low = middle + 1
        else:
            high = middle - 1


def _generate(page: Page) -> Iterator[str]:
    def good(number: int) -> bool:
        if "odd" in page.goal or "even" in page.goal:
            return number % 2 == ("odd" in page.goal)
        limit = int(page.match(r"than (\d+)")[0])
        return number < limit if "less" in page.goal else number > limit

    while not (shown := page.one("#display-number").text).isdigit() or not good(int(shown)):
        yield page.one("#generate").click()
    yield page.one("#submit").click()


def _parity(page: Page) -> Iterator[str]:
    for row, number in enumerate(page.all(".display-number")):
        yield page.all(".row .odd" if int(number.text) % 2 else ".row .even")[row].click()
    yield page.one("#submit").click()


def _stock(page: Page) -> Iterator[str]:
    (limit,) = page.match(r"less than \$([\d.]+\d)")
    while True:
        price = page.one("#stock-price").text.lstrip("$")
        if price and float(price) <= float(limit):
            yield page.one("#buy").click()
        yield "noop(100)"


BROWSING: dict[str, Solver] = {
    "buy-ticket": _ticket,
    "email-inbox": _mail,
    "email-inbox-delete": _mail,
    "email-inbox-forward": _mail,
    "email-inbox-forward-nl": _mail,
    "email-inbox-forward-nl-turk": _mail,
    "email-inbox-important": _mail,
    "email-inbox-nl-turk": _mail,
    "email-inbox-noscroll": _mail,
    "email-inbox-reply": _mail,
    "email-inbox-star-reply": _mail,
    "find-greatest": _greatest,
    "generate-number": _generate,
    "guess-number": _guess,
    "odd-or-even": _parity,
    "order-food": _food,
    "phone-book": _contact,
    "search-engine": _search,
    "social-media-all": _social,
    "social-media-some": _social,
    "stock-market": _stock,
}
"""Solvers by the name of the page."""
