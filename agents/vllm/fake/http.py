"""How the fake's routes read bodies and answer: errors in vLLM's form, and no work for clients that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")


class RefusedError(Exception):
    """Answered with a status of 4xx or 5xx."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(message)


def refusal(_: Request, error: Exception) -> JSONResponse:
    """The answer to a `RefusedError`, or to a worker's failure."""
    status = error.status if isinstance(error, RefusedError) else 500
    kind = "BadRequestError" if status < 500 else "InternalServerError"
    return JSONResponse({"error": {"message": str(error), "type": kind, "param": None, "code": status}}, status)


async def read(request: Request, kind: type[B], *, optional: bool = False) -> B:
    """The body of a request.

    Args:
        request: of FastAPI.
        kind: what it shall be.
        optional: no body at all stands for an empty one.

    Raises:
        RefusedError: it is something else.
    """
    raw = await request.body()
    if not raw and not optional:
        raise RefusedError(400, "Invalid JSON format")
    try:
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise RefusedError(400, str(error)) from error


async def nothing(request: Request) -> None:
    """Raises RefusedError if there is a body: vLLM would not read it, so whoever sends one believes something wrong."""
    if await request.body():
        raise RefusedError(400, "this release takes no body here")


def documented(kind: type[BaseModel], *, required: bool) -> dict[str, Any]:
    """`openapi_extra` of a route whose body the release declares."""
    schema = kind.model_json_schema()
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": required}}


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work; cancel it when the client hangs up, as vLLM does.

    Raises:
        RefusedError: the client is gone and nobody reads this.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RefusedError(499, "Client disconnected")
        return task.result()
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
