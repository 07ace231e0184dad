"""The shop as a site for browsers: the same visits and pages as in text, over HTTP, without scripts.

Every page of a visit has the address `/<visit>`: what is open there is the `Visit`, not the address, so that text
actions and browsers can take turns on it.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qs

from agentrl.envs.web.shop.products import Goal, dollars
from agentrl.envs.web.shop.views import sub_page
from agentrl.envs.web.shop.visit import SUB_PAGES, Shop, Visit
from agentrl.errors import MissingExtraError, UnknownNameError

try:
    from jinja2 import Environment, FileSystemLoader
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, RedirectResponse, Response
    from starlette.routing import Route
except ImportError as error:
    raise MissingExtraError(error.name or "starlette", "shop") from error

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, trim_blocks=True
).get_template("page.html")
_VISITS = 4_096
_BODY = 65_536
"""Bytes of a request at most."""


class Site:
    """Serves visits to a shop; `app` is the ASGI application.

    Args:
        goal: task id → its goal.
        tasks: from which `/` draws one; `/?task=ID` begins a certain one.
    """

    def __init__(self, shop: Shop, goal: Callable[[str], Goal], tasks: Sequence[str]) -> None:
        self.visits: dict[str, Visit] = {}
        """By the last part of their addresses; of many, the oldest ones are forgotten."""
        self._shop, self._goal, self._tasks = shop, goal, tasks
        routes = [
            Route("/", self._begin),
            Route("/{name}", self._show, methods=["GET"]),
            Route("/{name}", self._act, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    def open(self, visit: Visit) -> str:
        """The path at which a browser finds a visit from now on."""
        name = secrets.token_urlsafe(8)
        self.visits[name] = visit
        if len(self.visits) > _VISITS:
            del self.visits[next(iter(self.visits))]
        return f"/{name}"

    async def _begin(self, request: Request) -> Response:
        task = request.query_params.get("task") or random.choice(self._tasks)
        try:
            goal = self._goal(task)
        except UnknownNameError as error:
            raise HTTPException(404, str(error)) from error
        return RedirectResponse(self.open(Visit(goal)), 303)

    async def _show(self, request: Request) -> Response:
        return HTMLResponse(self._page(self._found(request)))

    async def _act(self, request: Request) -> Response:
        visit = self._found(request)
        form = parse_qs(await _body(request), errors="replace")
        action = form["action"][0] if "action" in form else f"search[{form.get('keywords', [''])[0]}]"
        after = self._shop.act(visit, action)
        if after is None:
            return HTMLResponse(self._page(visit, refused=True), 409)
        self.visits[request.path_params["name"]] = after
        return RedirectResponse(request.url.path, 303)

    def _found(self, request: Request) -> Visit:
        visit = self.visits.get(request.path_params["name"])
        if visit is None:
            raise HTTPException(404, "no such visit; begin one at /")
        return visit

    def _page(self, visit: Visit, *, refused: bool = False) -> str:
        product = self._shop.products[visit.item] if visit.item is not None else None
        return _PAGES.render(
            title=product.title if product else "WebShop",
            visit=visit,
            refused=refused,
            clickables=self._shop.clickables(visit),
            results=[self._shop.products[i] for i in visit.shown] if visit.page == "results" else [],
            product=product,
            price=(dollars(product.price_with(visit.chosen)) if visit.chosen else product.price_tag) if product else "",
            sub_pages=SUB_PAGES,
            lines=sub_page(product, visit.page) if product and visit.page in SUB_PAGES else (),
        )


async def _body(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY:
            raise HTTPException(413, f"at most {_BODY} bytes")
    return body.decode("utf-8", errors="replace")
