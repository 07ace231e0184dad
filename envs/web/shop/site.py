"""The shop as a site for browsers: the same visits and pages as in text, over HTTP, without scripts.

There is one address, `/`: which page is open there is a matter of the `Visit` that the browser's cookie names, so that
text actions and browsers can take turns on it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from agentrl.envs.web.browser.sites import NOT_FOUND, Answer, Request
from agentrl.envs.web.shop.products import dollars
from agentrl.envs.web.shop.views import sub_page
from agentrl.envs.web.shop.visit import SUB_PAGES, Shop, Visit
from agentrl.errors import MissingExtraError, UnknownNameError

try:
    from jinja2 import Environment, FileSystemLoader
except ImportError as error:
    raise MissingExtraError("jinja2", "shop") from error

if TYPE_CHECKING:
    from starlette.applications import Starlette

_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, trim_blocks=True
).get_template("page.html")
_VISITS = 4_096
_BODY = 65_536
"""Bytes of a request at most."""


class Site:
    """Answers requests; `asgi` makes a server's application of it.

    Args:
        begin: task id, or "" for any → its visit. Without it, only visits that were given to `open` are shown.
    """

    def __init__(self, shop: Shop, begin: Callable[[str], Visit] | None = None) -> None:
        self.visits: dict[str, Visit] = {}
        """By the value of the cookie; of many, the oldest ones are forgotten."""
        self._shop, self._begin = shop, begin

    def open(self, visit: Visit) -> str:
        """Show a visit from now on, under the name that is returned; `/?visit=NAME` gives the cookie to a browser."""
        name = secrets.token_urlsafe(12)
        self.visits[name] = visit
        if len(self.visits) > _VISITS:
            del self.visits[next(iter(self.visits))]
        return name

    def __call__(self, request: Request) -> Answer:
        if request.path != "/":
            return NOT_FOUND
        if len(request.body) > _BODY:
            return _told(f"At most {_BODY} bytes.", 413)
        asked = {key: values[0] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
        name = asked.get("visit") or _cookie(request)
        if self._begin and ("task" in asked or name not in self.visits):
            try:
                name = self.open(self._begin(asked.get("task", "")))
            except UnknownNameError as error:
                return _told(str(error), 404)
            return _away({"Set-Cookie": f"visit={name}; HttpOnly; SameSite=Lax"})
        if name not in self.visits:
            return _told("There is no such visit.", 404)
        if "visit" in asked:
            return _away({"Set-Cookie": f"visit={name}; HttpOnly; SameSite=Lax"})
        return self._act(name, request.body.decode(errors="replace")) if request.method == "POST" else self._show(name)

    def _act(self, name: str, body: str) -> Answer:
        form = {key: values[0] for key, values in parse_qs(body, errors="replace").items()}
        after = self._shop.act(self.visits[name], form.get("action") or f"search[{form.get('keywords', '')}]")
        if after is None:
            return self._show(name, refused=True)
        self.visits[name] = after
        return _away({})

    def _show(self, name: str, *, refused: bool = False) -> Answer:
        visit = self.visits[name]
        product = self._shop.products[visit.item] if visit.item is not None else None
        page = _PAGE.render(
            title=product.title if product else "WebShop",
            visit=visit,
            refused=refused,
            another=self._begin is not None,
            clickables=self._shop.clickables(visit),
            results=[self._shop.products[i] for i in visit.shown] if visit.page == "results" else [],
            product=product,
            price=(dollars(product.price_with(visit.chosen)) if visit.chosen else product.price_tag) if product else "",
            sub_pages=SUB_PAGES,
            lines=sub_page(product, visit.page) if product and visit.page in SUB_PAGES else (),
        )
        return Answer(page.encode(errors="replace"), status=409 if refused else 200, headers=_FRESH)


_FRESH = {"Cache-Control": "no-store"}


def asgi(site: Site) -> Starlette:
    """An ASGI application of a site.

    Raises:
        MissingExtraError: starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.requests import Request as Received
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError("starlette", "shop") from error

    async def handle(received: Received) -> Response:
        body = b""
        async for chunk in received.stream():
            body += chunk
            if len(body) > _BODY:
                break  # the site refuses it
        headers = {name.title(): value for name, value in received.headers.items()}
        answer = site(Request(received.method, received.url.path, received.url.query, headers, body))
        return Response(answer.body, answer.status, dict(answer.headers), answer.type)

    return Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST"])])


def _cookie(request: Request) -> str:
    try:
        cookie = SimpleCookie(request.headers.get("Cookie", "")).get("visit")
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _away(headers: dict[str, str]) -> Answer:
    """To the page of the visit, so that reloading it repeats nothing."""
    return Answer(b"", status=303, headers={"Location": "/", **_FRESH, **headers})


def _told(text: str, status: int) -> Answer:
    return Answer(text.encode(), "text/plain; charset=utf-8", status, _FRESH)
