"""Pages as they are on a screen: rendered once in the browser of this process, then looked at without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from agentrl.envs.gui.grounding.pages import SIZE, page
from agentrl.envs.gui.grounding.reward import Box, Point
from agentrl.envs.web.browser import Answer, Request, browsers
from agentrl.envs.web.browser.sites import NOT_FOUND

HOST = "grounding.test"
_BOXES = """() => [...document.querySelectorAll("[data-target]")].map((e) => {
  const box = e.getBoundingClientRect();
  return [__agentrl.idOf(e), box.left, box.top, box.width, box.height];
})"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is on the screen."""

    tree: str
    """The accessibility tree, with ids, places and sizes."""
    boxes: Mapping[str, Box]
    """Id → place of everything that can be pointed at, in the order of the targets of the page."""
    picture: bytes
    """PNG, without a cursor; empty where none was taken."""

    def under(self, point: Point) -> str:
        """Id of what can be pointed at and is there; "" where nothing is."""
        return next((name for name, box in self.boxes.items() if box.holds(point)), "")


@lru_cache(maxsize=256)
def scene(seed: int, *, pictured: bool) -> Scene:
    """The scene of a page.

    Args:
        pictured: whether to take a picture of it, which takes a third longer.

    Raises:
        BrowserError: the browser failed, or there is none.
    """
    return browsers().call(_render(seed, pictured))


async def _render(seed: int, pictured: bool) -> Scene:
    browsers().serve(HOST, _site)
    session = await browsers().acquire()
    try:
        await session.open(f"http://{HOST}/{seed}", size=SIZE, boxes=True)
        tree = (await session.look()).tree
        boxes = {name: Box(*box) for name, *box in await session.evaluate(_BOXES)}
        return Scene(tree, boxes, await session.screenshot() if pictured else b"")
    finally:
        browsers().release(session)


def _site(request: Request) -> Answer:
    name = request.path[1:]
    return Answer(page(int(name))[0].encode()) if name.isascii() and name.isdecimal() else NOT_FOUND
