"""The page on which a show is watched, and what it asks for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from agentrl.agents.watching import Show
from agentrl.errors import MissingExtraError

if TYPE_CHECKING:
    from starlette.applications import Starlette

_BODY = 1 << 20
"""Bytes of an action."""


def asgi(show: Show, env_id: str, host: str, *, by_hand: bool) -> Starlette:
    """An ASGI application: the page at `/`, frames as server-sent events, and `POST /act` where a person plays.

    Args:
        host: that it is asked for; another name in a request is one that somebody else's page has pointed here.

    Raises:
        MissingExtraError: starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.requests import Request
        from starlette.responses import FileResponse, Response, StreamingResponse
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError("starlette", "serve") from error

    async def page(request: Request) -> Response:
        return FileResponse(Path(__file__).with_name("watch.html"), media_type="text/html")

    async def events() -> AsyncIterator[str]:
        yield f"data: {json.dumps({'kind': 'about', 'env': env_id, 'by_hand': by_hand})}\n\n"
        async for frame in show.follow():
            yield f"data: {frame}\n\n"

    async def frames(request: Request) -> Response:
        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def act(request: Request) -> Response:
        if request.headers.get("Content-Type") != "application/json":  # which pages of others cannot send
            return Response("an action is JSON", 415)
        body = await request.body()
        try:
            action = json.loads(body)["action"]
        except (ValueError, TypeError, KeyError):
            action = None
        if not isinstance(action, str) or len(body) > _BODY:
            return Response('an action is {"action": "…"}', 422)
        show.typed.put(action)
        return Response(status_code=204)

    routes = [Route("/", page), Route("/frames", frames)]
    if by_hand:
        routes.append(Route("/act", act, methods=["POST"]))
    hosts = ["*"] if host not in _LOOPBACK else [*_LOOPBACK]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
