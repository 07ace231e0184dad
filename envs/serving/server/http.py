"""Requests and answers as bytes: FastAPI documents the routes, and nothing stands between it and the handlers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from fastapi.routing import APIRoute, APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentrl.envs.serving.server.calls import Reply
from agentrl.envs.serving.server.refusal import Refusal

MAX_BODY = 16 * 2**20
"""Bytes."""

_OPEN = re.compile(r"(/envs/[^/]+)?/health")
"""Routes that need no token."""

Handler = Callable[[Request], Awaitable[Reply]]


async def read(request: Request) -> bytes:
    """The body.

    Raises:
        Refusal: it is larger than `MAX_BODY`.
    """
    too_large = Refusal("too_large", f"the body is larger than {MAX_BODY} bytes: send less at a time")
    if int(request.headers.get("Content-Length", 0)) > MAX_BODY:  # the HTTP parser has seen to it that it is a number
        raise too_large
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise too_large
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def response(reply: Reply) -> Response:
    """The answer of a call as that of a request."""
    found = Response(reply.body, reply.status, media_type="application/json" if reply.body else None)
    if reply.retry_after_s is not None:
        found.headers["Retry-After"] = str(reply.retry_after_s)
    return found


class Routes:
    """Routes of which each is a handler of raw requests.

    Args:
        refuse: makes answers of exceptions.
    """

    def __init__(self, refuse: Callable[[Exception], Reply], tag: str) -> None:
        class Route(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Any]:
                endpoint = self.endpoint

                async def handle(request: Request) -> Response:
                    try:
                        return response(await endpoint(request))
                    except Exception as error:  # noqa: BLE001 - answered, and logged if it is our fault
                        return response(refuse(error))

                return handle

        self.router = APIRouter(route_class=Route, tags=[tag])

    def add(
        self,
        method: str,
        path: str,
        handler: Handler,
        body: Any = None,
        *,
        answer: str,
        status: int = 200,
        query: Mapping[str, str] | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a route; the handler's docstring documents it.

        Args:
            body: type of the body.
            answer: what the answer is.
            query: what may stand in the query.
            schema: JSON Schema of the body, where no type gives it.
        """
        extra: dict[str, Any] = {}
        parameters = [_parameter(name, "path", "", True) for name in re.findall(r"{(\w+)}", path)]
        parameters += [_parameter(name, "query", about, False) for name, about in (query or {}).items()]
        if parameters:
            extra["parameters"] = parameters
        if body is not None or schema is not None:
            found = schema or _inline(body)
            extra["requestBody"] = {"content": {"application/json": {"schema": found}}}
        self.router.add_api_route(
            path,
            handler,
            methods=[method],
            status_code=status,
            response_model=None,
            response_description=answer,
            openapi_extra=extra,
            operation_id=f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        )


def _parameter(name: str, place: str, about: str, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "description": about, "schema": {"type": "string"}}


def _inline(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type, without references to elsewhere."""
    (found,), parts = msgspec.json.schema_components([kind], ref_template="{name}")

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(v) for v in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return resolve(parts[value["$ref"]])
        return {k: resolve(v) for k, v in value.items() if k != "discriminator"}

    return resolve(found)  # type: ignore[no-any-return]


def authorized(header: str | None, token: str) -> bool:
    """Whether a client that sent this `Authorization` may come in."""
    return not token or hmac.compare_digest((header or "").encode(), f"Bearer {token}".encode())


class Door:
    """Lets in who has the token."""

    def __init__(self, app: ASGIApp, token: str, refuse: Callable[[Exception], Reply]) -> None:
        self._app, self._token, self._refuse = app, token, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _OPEN.fullmatch(scope["path"]):
            header = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"authorization"), None)
            if not authorized(header, self._token):
                refusal = Refusal(
                    "unauthorized", "send the header Authorization: Bearer TOKEN, with the server's token"
                )
                await response(self._refuse(refusal))(scope, receive, send)
                return
        await self._app(scope, receive, send)
