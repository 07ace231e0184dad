"""How an agent sees the shop and acts in it: as text here, in a browser in `browsing.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from agentrl.envs.web.shop.oracle import walk
from agentrl.envs.web.shop.views import compact, text
from agentrl.envs.web.shop.visit import Shop, Visit
from agentrl.errors import ConfigError


class Step(NamedTuple):
    """What an action brought."""

    state: Any
    """Of the episode, on this surface."""
    page: str
    refusal: str = ""
    """Why the action was not carried out; "" if it was."""
    given_up: bool = False
    """Whether the agent says that the task cannot be done."""


class Surface(Protocol):
    """One for all episodes of an environment."""

    def begin(self, visit: Visit) -> Step:
        """Open the first page."""
        ...

    def act(self, state: Any, action: str) -> Step:
        """Carry out an action; any string."""
        ...

    def visit(self, state: Any) -> Visit:
        """What is open."""
        ...

    def oracle(self, state: Any) -> Iterator[str]:
        """Actions that buy what the visit is for, when each is carried out in turn."""
        ...

    def copy(self, state: Any) -> Any:
        """The same point, on its own."""
        ...

    def screenshot(self, state: Any) -> bytes:
        """What there is to be seen, as PNG.

        Raises:
            ConfigError: it is words.
        """
        ...


class TextSurface:
    """WebShop's text actions; the state is the `Visit` itself.

    Args:
        words: of a compact page at most; None: pages are WebShop's text.
    """

    def __init__(self, shop: Shop, words: int | None) -> None:
        self._shop, self._words = shop, words

    def begin(self, visit: Visit) -> Step:
        return Step(visit, self._page(visit))

    def act(self, state: Visit, action: str) -> Step:
        after = self._shop.act(state, action)
        if after is None:
            return Step(state, self._page(state), "the page offers no such thing")
        return Step(after, self._page(after))

    def visit(self, state: Visit) -> Visit:
        return state

    def oracle(self, state: Visit) -> Iterator[str]:
        return walk(self._shop, state)

    def copy(self, state: Visit) -> Visit:
        return state

    def screenshot(self, state: Visit) -> bytes:
        raise ConfigError("text has no screenshot: ask for browser=True")

    def _page(self, visit: Visit) -> str:
        return text(self._shop, visit) if self._words is None else compact(self._shop, visit, self._words)
