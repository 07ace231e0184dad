"""One agent's tabs: a browser context of its own, what is seen in it and what is done in it.

All of it runs in the loop of the pool. Nothing here sleeps: an action is over when its input has been taken, the page's
own time has gone on by a fixed amount, its requests have been answered, its images are there and any new document has
been loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from agentrl.envs.web.browser.grammar import parse
from agentrl.envs.web.browser.hands import HANDS
from agentrl.errors import ActionError, BrowserError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import BrowserContext, CDPSession, Dialog, Download, Page

STEP_MS = 500.0
"""How far the time of a page goes on with an action; pages stand still in between."""
DEADLINE_S = 60.0
"""Of one action, after which the page counts as hung."""


@dataclass(frozen=True, slots=True)
class View:
    """What there is to be seen of a session."""

    url: str
    title: str
    tree: str
    """The accessibility tree, a line for each element, with ids."""
    focus: str = ""
    """Id of the element that has the focus."""
    tabs: tuple[str, ...] = ()
    """Addresses of all tabs, in order."""
    notes: tuple[str, ...] = ()
    """Dialogs that were dismissed, downloads and addresses that were refused."""
    error: str = ""
    """Why the last action could not be carried out."""
    read: Any = None
    """What the task reads in the page."""
    begun: Any = None
    """What came of the task's beginning."""

    def text(self) -> str:
        """For the agent."""
        head = [f"URL: {self.url}"]
        if len(self.tabs) > 1:
            head += [f"Tab {i}: {url}" for i, url in enumerate(self.tabs)]
        if self.focus:
            head.append(f"Focus: {self.focus}")
        head += [f"Note: {note}" for note in self.notes]
        if self.error:
            head.append(f"Error: {self.error}")
        return "\n".join([*head, self.tree])


class Session:
    """Made by the pool (`Browsers.acquire`).

    Args:
        hosts: that it may go to.
    """

    def __init__(self, context: BrowserContext, hosts: Collection[str]) -> None:
        self.context, self.hosts = context, hosts
        self.pages: list[Page] = []
        self.page: Page
        """The tab that is being used."""
        self.broken = ""
        """Why it can be used no more; it is not healed, but replaced."""
        self.reusable = True
        """Whether `open` can make it as new."""
        self.messages: list[str] = []
        """What the agent said to the user."""
        self.infeasible: str | None = None
        """Why the task cannot be done, if the agent says so."""
        self.wait_ms = STEP_MS
        """How far time goes on at the next look."""
        self.skip, self.read, self.boxes = "", "", False
        self._notes: list[str] = []
        self._arrived, self._opened = asyncio.Event(), asyncio.Event()
        self._devtools: CDPSession | None = None
        context.on("page", self._adopt)

    async def open(
        self,
        url: str,
        *,
        size: tuple[int, int],
        skip: str = "",
        boxes: bool = False,
        again: str = "",
        begin: str = "",
        read: str = "",
    ) -> View:
        """Begin anew: one tab without a past, at this address; returns what there is to be seen.

        Args:
            size: of the tab, in pixels.
            skip: CSS selector of what the agent shall not see.
            boxes: whether the tree tells places and sizes.
            again: JavaScript that ends what goes on in a document of the task's. One that is at this address already,
                and waits for nothing any more, then stays, which is many times as fast as another: its clock, ids,
                storage and focus begin anew here, and the task does the rest. By default none stays.
            begin: JavaScript expression of the task's that is evaluated in the document, before time goes on.
            read: one that is evaluated in this and all later views.

        Raises:
            BrowserError: page or browser failed.
        """
        from playwright.async_api import Error

        async with self._guarded():
            if not self.pages:
                await self.context.new_page()
            for page in self.pages[1:]:
                await page.close()
            self.page = self.pages[0]
            self.messages, self.infeasible, self.wait_ms = [], None, STEP_MS
            self.skip, self.read, self.boxes = skip, read, boxes
            self._notes.clear()
            if self._devtools is None:
                self._devtools = await self.context.new_cdp_session(self.page)
            else:
                await asyncio.gather(self._put_mouse_away(), self.context.clear_cookies(), self._forget_history())
            width, height = size
            if self.page.viewport_size != {"width": width, "height": height}:
                await self.page.set_viewport_size({"width": width, "height": height})
            seen = None
            if again and self.page.url == url:
                script = f"options => {{ {again}; return __agentrl.restart() ? __agentrl.look(options) : null; }}"
                with suppress(Error):  # the document went away, and a new one comes
                    seen = await self.page.evaluate(script, self._options(begin))
            if seen is None:
                await self.page.evaluate("window.__agentrl?.forget()")
                await self.page.goto(url, wait_until="load")
                await self._forget_history()
            return await self._look("", begin, seen)

    async def act(self, action: str) -> View:
        """Carry out an action of the grammar; what cannot be done is told in the view.

        Raises:
            BrowserError: page or browser failed.
        """
        from playwright.async_api import Error

        error = ""
        async with self._guarded():
            self._arrived.clear()
            self._opened.clear()
            try:
                call = parse(action, HANDS)
                await HANDS[call.name](self, **call.arguments)
            except ActionError as refusal:
                error = str(refusal)
            except Error as refusal:
                if self.broken or self.page.is_closed():
                    raise
                error = refusal.message.splitlines()[0]
            return await self._look(error)

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run a script of the task's, as `Page.evaluate` does.

        Raises:
            BrowserError: page or browser failed.
        """
        async with self._guarded():
            return await self.page.evaluate(script, argument)

    async def digest(self) -> str:
        """Of all that the documents remember: elements, fields, scrolling, cookies, storage, the time."""
        async with self._guarded():
            digests = [await page.evaluate("() => window.__agentrl?.digest() ?? location.href") for page in self.pages]
            return " ".join([*digests, str(self.pages.index(self.page))])

    async def screenshot(self, *, marks: bool = False) -> bytes:
        """The tab as PNG; with `marks`, a frame and the id on every element."""
        async with self._guarded():
            if not marks:
                return await self.page.screenshot()
            await self.script("marks", True)
            try:
                return await self.page.screenshot()
            finally:
                await self.script("marks", False)

    # -- for the hands -------------------------------------------------------------------------------------------------

    async def script(self, name: str, *arguments: Any) -> Any:
        """Call a function of `window.__agentrl`.

        Raises:
            ActionError: the page has none, being an error page.
        """
        call = "async ([name, args]) => window.__agentrl ? [await window.__agentrl[name](...args)] : null"
        answer = await self.page.evaluate(call, [name, arguments])
        if answer is None:
            raise ActionError("this is an error page, with nothing to be used")
        return answer[0]

    async def goto(self, url: str) -> None:
        url = urljoin(self.page.url, url)
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in self.hosts:
            raise ActionError(f"{url} is not part of this task")
        await self.page.goto(url, wait_until="load")

    async def travel(self, steps: int) -> None:
        moved = await (self.page.go_back() if steps < 0 else self.page.go_forward())
        if moved is None:
            raise ActionError(f"there is no page to go {'back' if steps < 0 else 'forward'} to")

    async def new_tab(self) -> None:
        await self.context.new_page()

    async def close_tab(self) -> None:
        if len(self.pages) == 1:
            raise ActionError("this is the only tab")
        await self.page.close()

    # -- what happens --------------------------------------------------------------------------------------------------

    def _adopt(self, page: Page) -> None:
        self.pages.append(page)
        self.page = page
        self._opened.set()
        page.on("close", self._closed)
        page.on("crash", lambda _: self._break("its page crashed"))
        page.on("load", lambda _: self._arrived.set())
        page.on("requestfailed", lambda request: self._arrived.set() if request.is_navigation_request() else None)
        page.on("dialog", self._dismiss)
        page.on("download", self._refuse)

    def _closed(self, page: Page) -> None:
        self.pages.remove(page)
        if self.page is page and self.pages:
            self.page = self.pages[-1]

    async def _put_mouse_away(self) -> None:
        """A move alone waits for the next frame; the release of no button, which pages do not notice, has it done."""
        assert self._devtools
        release = {"type": "mouseReleased", "x": 0, "y": 0, "button": "none"}
        await asyncio.gather(self.page.mouse.move(0, 0), self._devtools.send("Input.dispatchMouseEvent", release))

    async def _forget_history(self) -> None:
        assert self._devtools
        await self._devtools.send("Page.resetNavigationHistory")

    def _break(self, why: str) -> None:
        self.broken = self.broken or why

    async def _dismiss(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":
            await dialog.accept()
        else:
            self._notes.append(f"the page said {dialog.message!r} ({dialog.type}); it was dismissed")
            await dialog.dismiss()

    def _refuse(self, download: Download) -> None:
        self._notes.append(f"the download of {download.suggested_filename} was refused")
        self._arrived.set()

    def _options(self, begin: str) -> dict[str, Any]:
        """For `look` of the page script."""
        ms, self.wait_ms = self.wait_ms, STEP_MS
        return {"ms": ms, "skip": self.skip, "read": self.read, "boxes": self.boxes, "begin": begin}

    async def _look(self, error: str, begin: str = "", first: Any = None) -> View:
        """Look until there is something to be seen; `first` is what a first look brought, if one was taken."""
        from playwright.async_api import Error

        options = self._options(begin)
        while True:
            page = self.page
            try:
                seen = first or await page.evaluate("options => window.__agentrl?.look(options) ?? null", options)
            except Error:
                if self.broken or (page.is_closed() and page is self.page):
                    raise
                await self.page.wait_for_load_state("load")  # the document went away meanwhile
                continue
            options["begin"], first = "", None
            if page is not self.page:  # another tab opened or this one closed
                await self.page.wait_for_load_state("load")
                continue
            if seen is None:
                seen = {"url": page.url, "title": "", "tree": "(an error page)", "blocked": []}
            elif seen.get("leaving") or seen.get("opening"):
                event = self._arrived if seen["leaving"] else self._opened
                await event.wait()
                event.clear()
                continue
            self._notes += [f"{url} is not part of this task; it was refused" for url in seen.pop("blocked")]
            notes, self._notes = tuple(self._notes), []
            return View(**seen, tabs=tuple(tab.url for tab in self.pages), notes=notes, error=error)

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        from playwright.async_api import Error

        if self.broken:
            raise BrowserError(f"{self.broken}: reset the episode")
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield
        except TimeoutError as error:
            self._break(f"the page did not answer within {DEADLINE_S:g} s")
            raise BrowserError(f"{self.broken}: reset the episode") from error
        except Error as error:
            self._break(f"the browser failed ({error.message.splitlines()[0]})")
            raise BrowserError(f"{self.broken}: reset the episode") from error
