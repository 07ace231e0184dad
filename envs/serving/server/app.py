"""The HTTP application, and its documentation."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import agentrl
from agentrl.envs.serving.server import openenv_http, v1
from agentrl.envs.serving.server.calls import Reply
from agentrl.envs.serving.server.catalogue import Catalogue
from agentrl.envs.serving.server.http import Door, response
from agentrl.envs.serving.server.refusal import Refusal
from agentrl.envs.serving.server.sessions import Sessions

VERSION = "1.0.0"
"""Of both protocols; OpenEnv's validator wants 1.x."""


def create_app(sessions: Sessions, catalogue: Catalogue, token: str = "") -> FastAPI:
    """All routes but the WebSocket, which is `openenv_ws.Connection`."""
    app = FastAPI(
        title="agentrl environment server",
        version=VERSION,
        description=f"Environments of agentrl {agentrl.__version__}: {', '.join(catalogue.offers)}.",
        redoc_url=None,
    )
    app.include_router(v1.router(sessions, catalogue))
    app.include_router(openenv_http.router(sessions, catalogue))
    app.add_middleware(Door, token=token, refuse=sessions.refuse)

    @app.get("/metrics", tags=["server"])
    async def metrics() -> Response:
        """Counters in the text format of Prometheus."""
        return Response(sessions.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        code = "method_not_allowed" if error.status_code == 405 else "not_found"
        reply: Reply = sessions.refuse(Refusal(code, f"no route {request.method} {request.url.path}: see /docs"))
        return response(reply)

    return app
