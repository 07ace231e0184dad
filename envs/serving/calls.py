"""One call to a server: when it is repeated, and which error an answer is. No I/O happens here.

A call is a generator: it yields a `Request` and is sent the `Reply`, or it yields seconds to wait. `run` and
`run_async` carry it out, so everything built of calls exists once and can be blocked on or awaited.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import gymnasium as gym

from agentrl.envs.serving.client import Client, NoAnswerError, NoConnectionError, Reply, Request
from agentrl.errors import ConfigError, InfraError, UnknownNameError

T = TypeVar("T")
Steps = Generator[Request | float, Reply | None, T]

FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 2.0


class LostError(InfraError):
    """The session is gone, or the way to it; another session could go on where it stood."""

    refused: bool = False
    """Nobody listens at the address."""


class BusyError(InfraError):
    """The server has no room, or is about to end."""

    wait_s: float = 0.0
    """What it asked to wait before the next attempt."""


class UnsupportedError(ConfigError):
    """The environment cannot do that."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what."""

    timeout_s: float = 120.0
    """For one answer."""
    retry_s: float = 60.0
    """For all attempts at one call together, the first excepted; also for a server to come back, with `recover`."""


def call(
    client: Client,
    method: str,
    route: str,
    body: Any = None,
    *,
    patience: Patience,
    repeatable: bool = True,
) -> Steps[Any]:
    """The answer to one call.

    Args:
        repeatable: whether to call again when the answer was lost; so the call has a request id, or changes nothing.

    Raises:
        LostError: the session, or the server, is gone or stays silent.
        BusyError: it has no room.
        InfraError: it failed.
        ConfigError, UnknownNameError, UnsupportedError, gymnasium.error.ResetNeeded: the call is wrong.
    """
    until = time.monotonic() + patience.retry_s
    attempt = 0
    while True:
        wait = pause(attempt)
        problem: InfraError
        try:
            reply = yield Request(client, method, route, body, patience.timeout_s)
        except NoConnectionError as error:
            problem = LostError(f"{error}; start a server with: agentrl serve, or correct url")
            problem.refused = True
            raise problem from error
        except NoAnswerError as error:
            problem = LostError(f"{error}, after {attempt + 1} attempts")
            if not repeatable:
                raise problem from error
        else:
            assert reply is not None
            if reply.status < 300:
                return reply.body
            still_at_it = reply.status == 409 and attempt > 0 and _code(reply) == "session_busy"  # our last attempt
            if not still_at_it and reply.status not in (429, 503):
                raise error_of(client, route, reply)
            problem = BusyError(f"{client.address}: {_message(reply)}")
            wait = problem.wait_s = wait if reply.retry_after_s is None else reply.retry_after_s
        if time.monotonic() + wait > until:
            raise problem
        yield wait
        attempt += 1


def pause(attempt: int) -> float:
    """Seconds before the next attempt: doubling up to a limit, and jittered so that many clients spread."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.0)


def error_of(client: Client, route: str, reply: Reply) -> Exception:
    """The error that an answer other than 2xx stands for."""
    message = f"{client.address}: {_message(reply)}"
    code, status = _code(reply), reply.status
    if status in (502, 504) or code == "session_lost" or (status == 404 and route.startswith("/v1/sessions/")):
        return LostError(message)  # 404: a server that was started anew knows nothing of our session
    if code == "no_episode":
        return gym.error.ResetNeeded(message)
    if status == 401:
        return ConfigError(f"{message} (token=…, or the environment variable AGENTRL_TOKEN)")
    if status == 501:
        return UnsupportedError(message)
    if code == "request_id_reused" or not 400 <= status < 500:
        return InfraError(f"{message} (status {status})")
    if unknown := _error(reply).get("unknown"):
        return UnknownNameError.told(message, str(unknown.get("kind", "name")), str(unknown.get("name", "")))
    return ConfigError(message)


def _error(reply: Reply) -> Mapping[str, Any]:
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    return error if isinstance(error, dict) else {}


def _code(reply: Reply) -> str:
    return str(_error(reply).get("code", ""))


def _message(reply: Reply) -> str:
    error = _error(reply)
    if not error:
        return f"status {reply.status} with {reply.body!r:.200}, which is not what an agentrl server says"
    return str(error.get("message", "")) + (f" (error {error['id']} of its log)" if error.get("id") else "")


def run(steps: Steps[T]) -> T:
    """Carry out calls, blocking."""
    try:
        effect = next(steps)
        while True:
            if isinstance(effect, float):
                time.sleep(effect)
                effect = steps.send(None)
                continue
            try:
                reply = effect.client.send(effect)
            except Exception as error:  # noqa: BLE001 - what it means is for the call to decide
                effect = steps.throw(error)
            else:
                effect = steps.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def run_async(steps: Steps[T]) -> T:
    """Carry out calls, awaited."""
    try:
        effect = next(steps)
        while True:
            if isinstance(effect, float):
                await asyncio.sleep(effect)
                effect = steps.send(None)
                continue
            try:
                reply = await effect.client.send_async(effect)
            except Exception as error:  # noqa: BLE001 - what it means is for the call to decide
                effect = steps.throw(error)
            else:
                effect = steps.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
