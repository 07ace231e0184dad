"""The shop in a real browser: BrowserGym's actions on the accessibility tree of the site, over the same `Visit`."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentrl.envs.web.browser import Session, View, browsers
from agentrl.envs.web.shop.oracle import walk
from agentrl.envs.web.shop.site import Site
from agentrl.envs.web.shop.surface import Step
from agentrl.envs.web.shop.visit import Shop, Visit

SIZE = (1024, 768)
_BUTTON = "what => __agentrl.idOf(document.querySelector(`button[value=${JSON.stringify(what)}]`))"
_FIELD = "() => __agentrl.idOf(document.getElementById('search_input'))"
_SEARCH = "() => __agentrl.idOf(document.querySelector('form[role=search] button'))"


@dataclass
class Browsing:
    """State of an episode: the visit as the last action left it, and where it is open, if it is."""

    visit: Visit
    typed: list[str] = field(default_factory=list)
    """Actions since the page of the visit last changed; they may have filled a field, so a fork repeats them."""
    name: str = ""
    session: Session | None = None


class BrowserSurface:
    """Shows visits to a shop in sessions of this process's browser.

    Args:
        host: of the site; that of another shop is another.
    """

    def __init__(self, shop: Shop, host: str) -> None:
        self._shop, self._host, self._site = shop, host, Site(shop)

    def begin(self, visit: Visit) -> Step:
        state = Browsing(visit)
        return Step(state, browsers().call(self._open(state)).text())

    def act(self, state: Browsing, action: str) -> Step:
        view = browsers().call(self._act(state, action))
        given_up = state.session is not None and state.session.infeasible is not None
        return Step(state, view.text(), view.error, given_up)

    def visit(self, state: Browsing) -> Visit:
        return state.visit

    def copy(self, state: Browsing) -> Browsing:
        return Browsing(state.visit, [*state.typed])

    def screenshot(self, state: Browsing) -> bytes:
        async def shoot() -> bytes:
            return await (await self._live(state)).screenshot()

        return browsers().call(shoot())

    def oracle(self, state: Browsing) -> Iterator[str]:
        for action in walk(self._shop, state.visit):
            if action.startswith("search["):
                yield f"fill({self._id(state, _FIELD)!r}, {action[7:-1]!r})"
                yield f"click({self._id(state, _SEARCH)!r})"
            else:
                yield f"click({self._id(state, _BUTTON, action)!r})"

    def _id(self, state: Browsing, script: str, argument: str = "") -> str:
        async def find() -> str:
            return str(await (await self._live(state)).evaluate(script, argument))

        return browsers().call(find())

    # -- in the loop of the pool ---------------------------------------------------------------------------------------

    async def _open(self, state: Browsing) -> View:
        browsers().serve(self._host, self._site)
        session = await browsers().acquire()
        weakref.finalize(state, browsers().release, session)
        state.name = self._site.open(state.visit)
        weakref.finalize(state, self._site.visits.pop, state.name, None)
        view = await session.open(f"http://{self._host}/?visit={state.name}", size=SIZE)
        for action in state.typed:
            view = await session.act(action)
        state.session = session
        return view

    async def _live(self, state: Browsing) -> Session:
        if state.session is None or state.session.broken:
            state.session = None
            await self._open(state)
        assert state.session is not None
        return state.session

    async def _act(self, state: Browsing, action: str) -> View:
        view = await (await self._live(state)).act(action)
        visit = self._site.visits[state.name]
        state.typed = [*state.typed, action] if visit == state.visit else []
        state.visit = visit
        return view
