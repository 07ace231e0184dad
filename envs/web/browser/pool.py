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
import atexit
import os
import shutil
import threading
from collections.abc import Coroutine
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from agentrl.envs.web.browser.session import Session
from agentrl.envs.web.browser.sites import Site, Sites
from agentrl.errors import AgentRLError, BrowserError, InfraError, MissingExtraError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

T = TypeVar("T")

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
"""Looked for in PATH, in this order, unless the environment variable AGENTRL_CHROMIUM names one. The first is a
Chromium for pages only, which takes half the work."""
_ARGUMENTS = (
    "--no-sandbox",  # pages come from this process alone, and containers cannot nest Chromium's own sandbox
    "--disable-background-networking",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-gpu",
    "--disable-smooth-scrolling",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
_IDLE = 32
"""Sessions kept for the next episode."""
_SPARE = 8
"""So many are kept at their addresses before one is taken to another."""


class Browsers:
    """Use `browsers()`: one for each process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._sites = Sites()
        self._idle: list[Session] = []
        self._starting: asyncio.Task[Browser] | None = None
        self._driver: Playwright | None = None
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="agentrl-web", daemon=True).start()
        atexit.register(self._end)

    def serve(self, host: str, site: Site) -> None:
        """Answer for a host; sessions may go there from now on."""
        self._sites.by_host[host] = site

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the pool's loop and wait for what it returns or raises.

        Raises:
            InfraError: this is a fork of the process whose pool it is.
        """
        if os.getpid() != self._pid:
            work.close()
            raise InfraError("this browser belongs to the process that this one was forked from: reset the episode")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # nobody waits any more, if it was Ctrl-C
            raise

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
        if os.getpid() == self._pid and not self._loop.is_closed():
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
        if os.getpid() == self._pid:
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
    folder = resources.files(__package__)
    return "\n".join(folder.joinpath(f"{name}.js").read_text("utf-8") for name in ("clock", "page", "pointing"))


def _alive(starting: asyncio.Task[Browser]) -> bool:
    return not starting.cancelled() and not starting.exception() and starting.result().is_connected()


async def _discard(session: Session) -> None:
    from playwright.async_api import Error

    with suppress(Error):  # it went with its browser
        await session.context.close()


def browsers() -> Browsers:
    """That of this process."""
    with _lock:
        if not _pools:
            _pools.append(Browsers())
        return _pools[0]


_lock = threading.Lock()
_pools: list[Browsers] = []


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _pools.clear()  # their threads are not in the child


os.register_at_fork(after_in_child=_forked)
