"""Pages as they are on a screen: rendered once in the browser of this process, then looked at without it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from agentrl.envs.gui.grounding.pages import SIZE, page
from agentrl.envs.gui.grounding.reward import Box
from agentrl.envs.gui.grounding.scenes import Scene, Target
from agentrl.envs.web.browser import Answer, Request, browsers
from agentrl.envs.web.browser.sites import NOT_FOUND

T = TypeVar("T")

HOST = "grounding.test"
_BOXES = """() => [...document.querySelectorAll("[data-target]")].map((e) => {
  const box = e.getBoundingClientRect();
  return [__agentrl.idOf(e), box.left, box.top, box.width, box.height];
})"""


@dataclass(frozen=True, slots=True)
class PageTask:
    """A task on the page of a seed."""

    seed: int

    @property
    def kind(self) -> str:
        return self._chosen(page(self.seed)[1]).kind

    def scene(self, *, pictured: bool) -> Scene:
        return scene(self.seed, pictured=pictured)

    def target(self, scene: Scene) -> Target:
        return self._chosen(scene.targets)

    def _chosen(self, elements: Sequence[T]) -> T:
        return random.Random(f"grounding target {self.seed}").choice(elements)


@lru_cache(maxsize=256)
def scene(seed: int, *, pictured: bool) -> Scene:
    """The scene of a page; its targets stand in the order of the page's elements.

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
        tree = (await session.open(f"http://{HOST}/{seed}", size=SIZE, boxes=True)).tree
        places = await session.evaluate(_BOXES)
        targets = tuple(
            Target(name, element.description, Box(*box))
            for element, (name, *box) in zip(page(seed)[1], places, strict=True)
        )
        return Scene(SIZE, tree, targets, await session.screenshot() if pictured else b"")
    finally:
        browsers().release(session)


def _site(request: Request) -> Answer:
    name = request.path[1:]
    return Answer(page(int(name))[0].encode()) if name.isascii() and name.isdecimal() else NOT_FOUND
