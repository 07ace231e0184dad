"""Pages on which a form is to be filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentrl.envs.web.miniwob.oracles.page import SUBMIT, Page, Solver, position


def _texts(*selectors: str) -> Solver:
    """What is quoted goes into these fields; the last text into all that are left."""

    def solve(page: Page) -> Iterator[str]:
        for number, css in enumerate(selectors):
            yield page.one(css).fill(page.quoted[min(number, len(page.quoted) - 1)])
        yield page.one(SUBMIT).click()

    return solve


def _cases(page: Page) -> Iterator[str]:
    text = page.quoted[0]
    yield page.one("#tt").fill(text.upper() if "upper case" in page.goal else text.lower())
    yield page.one(SUBMIT).click()


def _date(page: Page) -> Iterator[str]:
    month, day, year = page.match(r"(\d+)/(\d+)/(\d+)")
    yield page.one("#tt").fill(f"{year}-{month}-{day}")
    yield page.one(SUBMIT).click()


def _time(page: Page) -> Iterator[str]:
    hour, minute, half = page.match(r"(\d+):(\d+)\s*([AP])M")
    yield page.one("#tt").fill(f"{int(hour) % 12 + 12 * (half == 'P'):02}:{minute}")
    yield page.one(SUBMIT).click()


def _calendar(page: Page) -> Iterator[str]:
    month, day, year = map(int, page.match(r"(\d+)/(\d+)/(\d+)"))
    yield page.one("#datepicker").click()
    names = page.evaluate("$.datepicker._defaults.monthNames")
    while (shown := names.index(page.one(".ui-datepicker-month").text) + 1) != month:
        yield page.one(".ui-datepicker-prev" if shown > month else ".ui-datepicker-next").click()
    assert page.one(".ui-datepicker-year").text == str(year)
    yield page.one(".ui-datepicker-calendar a", str(day)).click()
    yield page.one(SUBMIT).click()


def _login_popup(page: Page) -> Iterator[str]:
    for css, text in zip(("#username", "#password"), page.quoted, strict=True):
        yield page.one(css).click()
        for cancel in page.all("#popup-cancel"):
            yield cancel.click()
        yield page.one(css).fill(text)
    yield page.one(SUBMIT).click()


def _choose(page: Page) -> Iterator[str]:
    (names,) = page.match(r"Select (.*) from the")
    several = "scroll list" in page.goal
    yield f"select_option({page.one('#options').id!r}, {names.split(', ') if several else names!r})"
    yield page.one("#area button").click()


def _autocomplete(page: Page) -> Iterator[str]:
    first, *last = page.quoted
    fitting = (item for item in page.evaluate("ITEMS") if item.startswith(first) and item.endswith(*last or ("",)))
    yield page.one("#tags").fill(next(fitting))
    yield 'keyboard_press("Escape")'  # the list covers the button
    yield page.one(SUBMIT).click()


def _spinner(page: Page) -> Iterator[str]:
    yield page.one("#spinner").fill(*page.match(r"Select (\S+)"))
    yield page.one(SUBMIT).click()


def _radio_and_text(page: Page) -> Iterator[str]:
    radio, text = page.match(r"the (\d\w+) radio .* the (\d\w+) textbox")
    yield page.all("#area input[type=radio]")[position(radio)].click()
    yield page.all("#area input[type=text]")[position(text)].fill(page.quoted[0])
    yield page.one(SUBMIT).click()


def _dropdown(page: Page) -> Iterator[str]:
    (wanted,) = page.match(r"Choose (.*) from")
    yield page.one(".selectric").click()
    yield page.one(".selectric-items li", wanted).click()
    yield page.one("#buttons button", page.quoted[0]).click()


def _film(page: Page) -> Iterator[str]:
    genre, name, year = page.match(r"for (.*) movies directed by (.*) from year (\d+)")
    labels = page.evaluate("""[...document.querySelectorAll('#area input')].map(
        box => box.closest('tr, p, .row, .field, .ui-entry').textContent)""")
    for box, label in zip(page.all("#area input"), labels, strict=True):
        yield box.fill(genre if "Genre" in label else name if "Director" in label else year)
    yield page.one("#area button, #area .final, #area .ui-submit").click()


def _copy(page: Page) -> Iterator[str]:
    areas = page.all("textarea")
    chosen = areas[position(page.match(r"the (\d\w+) text area")[0])] if len(areas) > 1 else areas[0]
    yield page.one("#answer-input").fill(chosen.value)
    yield page.one(SUBMIT).click()


def _nth_word(page: Page) -> Iterator[str]:
    words = page.one("#area p").text.split()
    yield page.one("#answer-input").fill(words[position(page.match(r"the (\d+\w+) word")[0])].strip(".,"))
    yield page.one(SUBMIT).click()


def _last_word(page: Page) -> Iterator[str]:
    yield page.one("#answer-input").fill(page.one("#text-area").text.split()[-1].strip(".,"))
    yield page.one(SUBMIT).click()


def _distorted(page: Page) -> Iterator[str]:
    yield page.one("#tt").fill(page.one("#captcha").text)
    yield page.one(SUBMIT).click()


def _table(page: Page) -> Iterator[str]:
    cells = [cell.text for cell in page.all("#tab td")]
    known = dict(zip(cells[::2], cells[1::2], strict=True))
    yield page.one("#tt").fill(known[page.match(r"value of (.*) into")[0]])
    yield page.one(SUBMIT).click()


def _two_cells(page: Page) -> Iterator[str]:
    cells = [cell.text for cell in page.all("#tab td")]
    known = dict(zip(cells[::2], cells[1::2], strict=True))
    for number in "12":
        yield page.one(f"#tt{number}").fill(known[page.one(f"#ll{number}").text.rstrip(":")])
    yield page.one(SUBMIT).click()


def _arithmetic(page: Page) -> Iterator[str]:
    one, sign, two = re.findall(r"\d+|[-+x]", page.one("#math-problem").text)
    answer = {"+": int(one) + int(two), "-": int(one) - int(two), "x": int(one) * int(two)}[sign]
    yield page.one("#math-answer").fill(answer)
    yield page.one(SUBMIT).click()


def _algebra(page: Page) -> Iterator[str]:
    one, sign, two, total = re.findall(r"\d+|[-+x]", page.one("#math-problem").text)
    if one == "x":
        answer = int(total) - int(two) if sign == "+" else int(total) + int(two)
    else:
        answer = int(total) - int(one) if sign == "+" else int(one) - int(total)
    yield page.one("#math-answer").fill(answer)
    yield page.one(SUBMIT).click()


def _blocks(page: Page) -> Iterator[str]:
    yield page.one("#math-answer").fill(len(page.all(".addition-block")))
    yield page.one(SUBMIT).click()


FILLING: dict[str, Solver] = {
    "choose-date": _calendar,
    "choose-date-easy": _calendar,
    "choose-date-medium": _calendar,
    "choose-date-nodelay": _calendar,
    "choose-list": _choose,
    "click-scroll-list": _choose,
    "copy-paste": _copy,
    "copy-paste-2": _copy,
    "enter-date": _date,
    "enter-password": _texts("#password", "#verify"),
    "enter-text": _texts("#tt"),
    "enter-text-2": _cases,
    "enter-text-dynamic": _texts("#tt"),
    "enter-time": _time,
    "find-word": _nth_word,
    "form-sequence-2": _radio_and_text,
    "form-sequence-3": _dropdown,
    "login-user": _texts("#username", "#password"),
    "login-user-popup": _login_popup,
    "multi-layouts": _film,
    "multi-orderings": _film,
    "read-table": _table,
    "read-table-2": _two_cells,
    "scroll-text": _last_word,
    "simple-algebra": _algebra,
    "simple-arithmetic": _arithmetic,
    "text-transform": _distorted,
    "use-autocomplete": _autocomplete,
    "use-autocomplete-nodelay": _autocomplete,
    "use-spinner": _spinner,
    "visual-addition": _blocks,
}
"""Solvers by the name of the page."""
