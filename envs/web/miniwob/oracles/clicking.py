"""Pages on which the right thing is to be clicked."""

from __future__ import annotations

from collections.abc import Iterator

from agentrl.envs.web.miniwob.oracles.page import SUBMIT, Page, Solver, position


def _button(css: str) -> Solver:
    def solve(page: Page) -> Iterator[str]:
        yield page.one(css, *page.quoted[:1]).click()

    return solve


def _in_turn(*selectors: str) -> Solver:
    def solve(page: Page) -> Iterator[str]:
        for css in selectors:
            yield page.one(css).click()

    return solve


def _which(page: Page) -> Iterator[str]:
    yield page.one("#subbtn" if "ONE" in page.goal else "#subbtn2").click()


def _dialog(page: Page) -> Iterator[str]:
    wanted = page.quoted[0]
    yield page.one(
        ".ui-dialog-titlebar button" if wanted == "x" else ".ui-dialog-buttonset button", _not_x(wanted)
    ).click()


def _not_x(wanted: str) -> str | None:
    return None if wanted == "x" else wanted


def _checkboxes(page: Page) -> Iterator[str]:
    (names,) = page.match(r"Select (.*) and click")
    for name in names.split(", ") if names != "nothing" else []:
        yield page.one("#area input", name).click()
    yield page.one(SUBMIT).click()


def _synonyms(page: Page) -> Iterator[str]:
    (words,) = page.match(r"similar to (.*) and click")
    for word in words.split(", "):
        groups = [group for group in page.evaluate("SYNONYMS") if word in group]
        yield next(box for box in page.all("#area input") if any(box.label in group for group in groups)).click()
    yield page.one(SUBMIT).click()


def _option(page: Page) -> Iterator[str]:
    yield page.one("#area input", *page.match(r"Select (.*) and click")).click()
    yield page.one(SUBMIT).click()


def _section(page: Page) -> Iterator[str]:
    yield page.one("#area h3").click()
    yield page.one(SUBMIT).click()


def _hidden_link(bodies: str, heads: str) -> Solver:
    """The link stands in one of several parts, which are opened by their heads."""

    def solve(page: Page) -> Iterator[str]:
        links = "[...part.querySelectorAll('.alink')].map(link => link.textContent)"
        parts = page.evaluate(f"[...document.querySelectorAll({bodies!r})].map(part => {links})")
        part = next(i for i, words in enumerate(parts) if page.quoted[0] in words)
        if not page.all(bodies)[part].shown:
            yield page.all(heads)[part].click()
        yield page.one(".alink", page.quoted[0]).click()

    return solve


def _two_tabs(page: Page) -> Iterator[str]:
    links = [link for link in page.all(".alink") if link.text == page.quoted[0]]
    yield links[0].click() if links else page.all("#area li")[1].click()


def _tab(page: Page) -> Iterator[str]:
    yield page.one("#area ul a", *page.match(r"on (Tab #\d)")).click()


def _colour(page: Page) -> Iterator[str]:
    (colour,) = page.match(r"on the (\w+) colored")
    yield page.one(f'#area [data-color="{colour}"]').click()


def _shades(page: Page) -> Iterator[str]:
    (colour,) = page.match(r"shades of (\w+)")
    for shade in page.all(f'#area [data-color="{colour}"]'):
        yield shade.click()
    yield page.one("#submit").click()


def _widget(page: Page) -> Iterator[str]:
    yield page.one(f'[data-type="{page.quoted[0]}"]').click()


def _menu(page: Page) -> Iterator[str]:
    *path, last = page.match(r"Select (.*)")[0].split(">")
    for name in path:
        yield page.one("#menu li > div", name).hover()
    yield page.one("#menu li > div", last).click()


def _icon_menu(page: Page) -> Iterator[str]:
    icon = page.evaluate("document.querySelector('#query .ui-icon')?.className ?? ''")
    labels = page.evaluate("Object.entries(PROBLEM_SET)")
    wanted = next(label for label, name in labels if (name in icon.split() if icon else label == page.quoted[-1]))
    yield page.one("#open-menu").click()
    if wanted in ("Prev", "Stop", "Play", "Next"):
        yield page.one("#menu > li > div", "Playback").hover()
    yield page.one("#menu li > div", wanted).click()


def _focus(page: Page) -> Iterator[str]:
    boxes = page.all("#area input")
    yield boxes[position(page.match(r"the (\d\w+) input")[0]) if len(boxes) > 1 else 0].click()


def _coordinate(page: Page) -> Iterator[str]:
    (wanted,) = page.match(r"(\(.*\))")
    yield next(c for c in page.all("circle") if c.attributes["id"] == wanted).click()


def _identify(page: Page) -> Iterator[str]:
    (tag,) = page.evaluate("[...document.querySelectorAll('#area_svg > *')].map(e => e.localName)")
    names = {"rect": "Rectangle", "circle": "Circle", "polygon": "Triangle"}
    text = page.one("#area_svg > *").text
    yield page.one("button", names.get(tag) or ("Number" if text.isdigit() else "Letter")).click()


def _fitting(page: Page, words: list[str]) -> list[int]:
    """Which of the shapes have all these properties."""
    facts = page.evaluate("""[...document.querySelectorAll('#area_svg > *')].map(e => [
        e.localName, e.getAttribute('fill'), e.textContent, e.getBoundingClientRect().height])""")
    kinds = {"rect": "rectangle", "circle": "circle", "polygon": "triangle"}

    def properties(tag: str, colour: str, text: str, height: float) -> set[str]:
        kind = {"digit" if text.isdigit() else "letter", text} if tag == "text" else {kinds[tag], "shape"}
        return {"large" if height > 15 else "small", colour, "item", *kind}

    return [i for i, fact in enumerate(facts) if properties(*fact).issuperset(words)]


def _shape(page: Page) -> Iterator[str]:
    first = _fitting(page, page.match(r"Click on an? (.*)")[0].split())[0]
    yield page.all("#area_svg > *")[first].click()


def _count_shapes(page: Page) -> Iterator[str]:
    count = len(_fitting(page, page.match(r"How many (.*)s are")[0].split()))
    yield page.one("#count-buttons button", str(count)).click()


def _delay(page: Page) -> Iterator[str]:
    yield page.one("#subbtn").click()
    (seconds,) = page.match(r"(\d) seconds")
    yield f"noop({int(seconds) * 1000 - 500})"  # half a second is what a click takes
    yield page.one("#subbtn2").click()


def _folder(page: Page) -> Iterator[str]:
    name = page.quoted[0]
    path = page.evaluate(f"""(() => {{
        const spans = [...document.querySelectorAll('#tree span')];
        const path = [];
        for (let e = spans.find(span => span.textContent === {name!r}); e; e = e.parentElement.closest('li')) {{
            const span = e.localName === 'span' ? e : e.querySelector(':scope > span');
            if (e !== span && !span.parentElement.contains(path[0])) break;
            path.unshift(span);
        }}
        return path.map(span => spans.indexOf(span)).filter((n, i, all) => all.indexOf(n) === i);
    }})()""")
    for index in path:
        if path[-1] == index or not page.all("#tree span")[path[path.index(index) + 1]].shown:
            yield page.all("#tree span")[index].click()


def _ascending(page: Page) -> Iterator[str]:
    yield page.one("svg text", "1").click()
    for number in range(2, 6):
        yield page.one(f'svg rect[data-index="{number}"]').click()


CLICKING: dict[str, Solver] = {
    "ascending-numbers": _ascending,
    "button-delay": _delay,
    "click-button": _button("#area button"),
    "click-button-sequence": _in_turn("#subbtn", "#subbtn2"),
    "click-checkboxes": _checkboxes,
    "click-checkboxes-large": _checkboxes,
    "click-checkboxes-soft": _synonyms,
    "click-checkboxes-transfer": _checkboxes,
    "click-collapsible": _section,
    "click-collapsible-2": _hidden_link("#area > div", "#area > h3"),
    "click-collapsible-2-nodelay": _hidden_link("#area > div", "#area > h3"),
    "click-collapsible-nodelay": _section,
    "click-color": _colour,
    "click-dialog": _in_turn(".ui-dialog-titlebar button"),
    "click-dialog-2": _dialog,
    "click-link": _button(".alink"),
    "click-menu": _menu,
    "click-menu-2": _icon_menu,
    "click-option": _option,
    "click-shades": _shades,
    "click-shape": _shape,
    "click-tab": _tab,
    "click-tab-2": _hidden_link("#area > div", "#area li"),
    "click-tab-2-easy": _button(".alink"),
    "click-tab-2-hard": _hidden_link("#area > div", "#area li"),
    "click-tab-2-medium": _two_tabs,
    "click-test": _in_turn("#subbtn"),
    "click-test-2": _in_turn("#subbtn"),
    "click-test-transfer": _which,
    "click-widget": _widget,
    "count-shape": _count_shapes,
    "focus-text": _focus,
    "focus-text-2": _focus,
    "grid-coordinate": _coordinate,
    "identify-shape": _identify,
    "navigate-tree": _folder,
    "unicode-test": _button("#area button"),
}
"""Solvers by the name of the page."""
