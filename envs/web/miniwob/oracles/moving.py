"""Pages on which something is to be moved, or pointed at precisely."""

from __future__ import annotations

from collections.abc import Iterator

from agentrl.envs.web.miniwob.oracles.page import SUBMIT, Page, Solver, position


def _slide(page: Page, css: str, target: int) -> Iterator[str]:
    """By keys: a fifth of the range at a time, then one by one."""
    low, high = page.evaluate(f"['min', 'max'].map(end => $({css!r}).slider('option', end))")
    handle = page.one(f"{css} .ui-slider-handle")
    leap = max((high - low) // 5, 1)
    while (now := page.evaluate(f"$({css!r}).slider('value')")) != target:
        far = "PageUp" if target > now else "PageDown"
        near = "ArrowRight" if target > now else "ArrowLeft"
        if handle.id:
            yield f"press({handle.id!r}, {far if abs(target - now) >= leap else near!r})"
        else:
            yield handle.click()
            handle = page.one(f"{css} .ui-slider-handle")


def _slider(page: Page) -> Iterator[str]:
    yield from _slide(page, "#slider", int(page.match(r"Select (-?\d+)")[0]))
    yield page.one(SUBMIT).click()


def _sliders(page: Page) -> Iterator[str]:
    for number, target in enumerate(page.match(r"\[(.*)\]")[0].split(","), 1):
        yield from _slide(page, f"#slider-{number}", int(target))
    yield page.one(SUBMIT).click()


def _slider_and_box(page: Page) -> Iterator[str]:
    yield from _slide(page, "#slider", int(page.match(r"Select (-?\d+)")[0]))
    yield page.all("#area input[type=checkbox]")[position(page.match(r"the (\d\w+) checkbox")[0])].click()
    yield page.one(SUBMIT).click()


def _point(x: float, y: float) -> str:
    return f"mouse_click({x:g}, {y:g})"


def _middle(page: Page) -> Iterator[str]:
    one, two = page.all(".black-circle")
    yield _point((one.x + two.x) / 2, (one.y + two.y) / 2)
    yield page.one(SUBMIT).click()


def _centre(page: Page) -> Iterator[str]:
    circle = page.one(".black-circle")
    yield _point(circle.x, circle.y)
    yield page.one(SUBMIT).click()


def _bisect(page: Page) -> Iterator[str]:
    (tip,) = page.all(".init-blue")
    ends = page.all(".init-black")
    lengths = [((end.x - tip.x) ** 2 + (end.y - tip.y) ** 2) ** 0.5 for end in ends]
    unit = [((end.x - tip.x) / far, (end.y - tip.y) / far) for end, far in zip(ends, lengths, strict=True)]
    far = min(lengths) * 0.7
    yield _point(tip.x + far * (unit[0][0] + unit[1][0]) / 2, tip.y + far * (unit[0][1] + unit[1][1]) / 2)
    yield page.one(SUBMIT).click()


def _chase(page: Page) -> Iterator[str]:
    while True:
        yield page.one("#circ").hover()


def _box(page: Page) -> Iterator[str]:
    small, large = page.one("#draggableSmall"), page.one("#draggableLarge")
    yield f"mouse_drag_and_drop({small.x:g}, {small.y:g}, {large.x:g}, {large.y:g})"
    yield page.one(SUBMIT).click()


def _shape(page: Page) -> Iterator[str]:
    shape = page.one("circle, rect, polygon")
    (way,) = page.match(r"(?:circle|item) (\w+)")
    dx, dy = {"left": (-12, 0), "right": (12, 0), "up": (0, -12), "down": (0, 12)}[way]
    yield f"mouse_drag_and_drop({shape.x:g}, {shape.y:g}, {shape.x + dx:g}, {shape.y + dy:g})"
    yield page.one(SUBMIT).click()


def _square(page: Page) -> Iterator[str]:
    """A point beside the blue one, at a right angle to the black one: on the side with more room on the grid."""
    (black,), (blue,), (grid,) = page.all("#init-black"), page.all("#init-blue"), page.all("#svg-grid")
    dx, dy = blue.y - black.y, black.x - blue.x
    far = 20 / (dx**2 + dy**2) ** 0.5
    points = [(blue.x + side * far * dx, blue.y + side * far * dy) for side in (1, -1)]
    right, bottom = grid.left + grid.width, grid.top + grid.height
    yield _point(*max(points, key=lambda p: min(p[0] - grid.left, right - p[0], p[1] - grid.top, bottom - p[1])))
    yield page.one(SUBMIT).click()


def _ends(page: Page) -> Iterator[str]:
    (end,) = page.match(r"to the (\w+)")
    yield f"press({page.one('#text-area').id!r}, {'Control+Home' if end == 'top' else 'Control+End'!r})"
    yield page.one(SUBMIT).click()


def _colour(page: Page) -> Iterator[str]:
    colour = page.evaluate(f"ui_utils.colorNameToHex({page.match(r'Select (.*) with')[0]!r})")
    yield page.one("#col").fill(colour.lstrip("#"))
    yield page.one(SUBMIT).click()


def _highlight(page: Page) -> Iterator[str]:
    paragraphs = page.all("#randomText p") or page.all("#randomText")
    number = position(page.match(r"the (\d\w+) paragraph")[0]) if len(paragraphs) > 1 else 0
    paragraph = "#randomText p" if len(paragraphs) > 1 else "#randomText"
    left, top, right, bottom = page.evaluate(f"""(() => {{
        const range = document.createRange();
        range.selectNodeContents(document.querySelectorAll({paragraph!r})[{number}]);
        const boxes = [...range.getClientRects()];
        const [first, last] = [boxes[0], boxes.at(-1)];
        return [first.left + 1, first.top + first.height / 2, last.right, last.top + last.height / 2];
    }})()""")
    yield f"mouse_drag_and_drop({left - 1:g}, {top:g}, {right + 3:g}, {bottom:g})"
    yield page.one(SUBMIT).click()


MOVING: dict[str, Solver] = {
    "bisect-angle": _bisect,
    "chase-circle": _chase,
    "circle-center": _centre,
    "drag-box": _box,
    "drag-circle": _shape,
    "drag-single-shape": _shape,
    "find-midpoint": _middle,
    "form-sequence": _slider_and_box,
    "highlight-text": _highlight,
    "highlight-text-2": _highlight,
    "right-angle": _square,
    "scroll-text-2": _ends,
    "use-colorwheel": _colour,
    "use-slider": _slider,
    "use-slider-2": _sliders,
}
"""Solvers by the name of the page."""
