"""The browser of this process: one Chromium, a context for each session, one thread with a loop for all of them.

    from agentrl.envs.web.browser import browsers

    pool = browsers()
    pool.serve("shop.test", files(folder))

    async def job():
        session = await pool.acquire()
        try:
            await session.open("http://shop.test/", size=(800, 600))
            return await session.act("click('a1')")
        finally:
            pool.release(session)

    view = pool.call(job())          # from any thread, with an event loop of its own or without

Chromium is started by the first `acquire`, again if it has ended, and goes with the process. A forked process has a
pool of its own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from agentrl.envs.own_loop import OwnLoop, PerProcess
from agentrl.envs.web.browser.session import Session
from agentrl.envs.web.browser.sites import Site, Sites
from agentrl.errors import AgentRLError, BrowserError, MissingExtraError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright


PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
"""Looked for in PATH, in this order, unless the environment variable AGENTRL_CHROMIUM names one. The first is a
Chromium for pages only, which takes half the work."""
_FEATURES_OFF = (
    "DeferRendererTasksAfterInput",  # which has what comes after a click wait for the next frame: 16 ms of our time
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "MediaRouter"),
    *("NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "ThirdPartyStoragePartitioning"),
)
"""The first is ours; the others are those of Playwright's own list, which this takes the place of, that matter here."""
_ARGUMENTS = (
    "--no-sandbox",  # pages come from this process alone, and containers cannot nest Chromium's own sandbox
    "--disable-background-networking",
    "--disable-dev-shm-usage",  # containers have little of it
    f"--disable-features={','.join(_FEATURES_OFF)}",
    "--disable-gpu",
    "--disable-smooth-scrolling",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
_IDLE = 32
"""Sessions kept for the next episode."""
_SPARE = 8
"""So many are kept at their addresses before one is taken to another."""


class Browsers(OwnLoop):
    """Use `browsers()`: one for each process."""

    name = "browser"

    def __init__(self) -> None:
        super().__init__()
        self._sites = Sites()
        self._idle: list[Session] = []
        self._starting: asyncio.Task[Browser] | None = None
        self._driver: Playwright | None = None

    def serve(self, host: str, site: Site) -> None:
        """Answer for a host; sessions may go there from now on."""
        self._sites.by_host[host] = site

    async def acquire(self, url: str = "") -> Session:
        """A session to be opened; who acquired it releases it.

        Args:
            url: where it will be opened, if one that is there already is worth more than any other.

        Raises:
            MissingExtraError: Playwright is not installed.
            BrowserError: there is no Chromium, or it does not start.
        """
        if session := self._take(url):
            return session
        for last in (False, True):
            browser = await self._browser()
            from playwright.async_api import Error

            try:
                context = await browser.new_context(
                    accept_downloads=False, locale="en-US", timezone_id="UTC", reduced_motion="reduce"
                )
                await context.add_init_script(_scripts())
                break
            except Error as error:
                self._starting = None  # it ended just now; the next one is another
                if last:
                    raise BrowserError(f"Chromium opens no context: {error.message}") from error
        session = Session(context, self._sites.by_host.keys())
        browser.on("disconnected", lambda _: session._break("the browser ended"))
        return session

    def release(self, session: Session) -> None:
        """Give a session back, from any thread; does nothing in a fork of the process."""
        if self.ours:
            self._loop.call_soon_threadsafe(self._keep, session)

    async def close(self) -> None:
        """End Chromium; the next `acquire` starts another."""
        starting, self._starting = self._starting, None
        self._idle.clear()
        if starting:
            with suppress(AgentRLError):  # it has not started, which who wanted it was told
                await (await starting).close()
        if self._driver:
            await self._driver.stop()
            self._driver = None

    def _take(self, url: str) -> Session | None:
        """One that waits at this address; another if there are many."""
        self._idle = [session for session in self._idle if not session.broken]
        there = (session for session in reversed(self._idle) if session.pages and session.pages[0].url == url)
        taken = next(there, None)
        if taken is None and len(self._idle) >= (_SPARE if url else 1):
            taken = self._idle[0]  # which has waited longest
        if taken:
            self._idle.remove(taken)
        return taken

    def _keep(self, session: Session) -> None:
        if session.reusable and not session.broken and len(self._idle) < _IDLE:
            self._idle.append(session)
        else:
            self._closing = self._loop.create_task(_discard(session))

    async def _browser(self) -> Browser:
        if self._starting is None or (self._starting.done() and not _alive(self._starting)):
            self._starting = self._loop.create_task(self._launch())
        return await asyncio.shield(self._starting)

    async def _launch(self) -> Browser:
        try:
            from playwright.async_api import Error, async_playwright
        except ImportError as error:
            raise MissingExtraError("playwright", "web") from error
        program = chromium()
        try:
            self._driver = self._driver or await async_playwright().start()
        except Exception as error:  # it has no type of its own for that
            raise BrowserError(f"Playwright does not start: {error}") from error
        try:
            return await self._driver.chromium.launch(
                executable_path=program,
                args=_ARGUMENTS,
                proxy={"server": self._sites.url, "bypass": "<-loopback>"},
                handle_sigint=False,  # Ctrl-C is for whoever runs the episodes
            )
        except Error as error:
            raise BrowserError(f"{program} does not start: {error.message}") from error

    def _end(self) -> None:
        super()._end()
        if self.ours:
            self.call(self.close())


def chromium() -> str:
    """The program that pages are shown by.

    Raises:
        BrowserError: there is none.
    """
    wanted = (os.environ.get("AGENTRL_CHROMIUM", ""), *PROGRAMS)
    program = next(filter(None, (shutil.which(name) for name in wanted if name)), None)
    if program is None:
        raise BrowserError(
            "there is no Chromium: set AGENTRL_CHROMIUM to one, or install it (Debian: chromium-headless-shell)"
        )
    return program


@cache
def _scripts() -> str:
    names = ("clock", "images", "page", "pointing")
    return "\n".join(resources.files(__package__).joinpath(f"{name}.js").read_text("utf-8") for name in names)


def _alive(starting: asyncio.Task[Browser]) -> bool:
    return not starting.cancelled() and not starting.exception() and starting.result().is_connected()


async def _discard(session: Session) -> None:
    from playwright.async_api import Error

    with suppress(Error):  # it went with its browser
        await session.context.close()


browsers = PerProcess(Browsers)
"""That of this process."""
