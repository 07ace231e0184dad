"""Our own protocol: sessions over plain HTTP."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from fastapi.routing import APIRouter
from msgspec import Meta
from starlette.requests import Request

from agentrl.envs.serving.server.calls import (
    Call,
    Demonstrate,
    Demonstrator,
    DropSnapshot,
    Kind,
    Oracle,
    Reference,
    Reply,
    Reset,
    Restore,
    Snapshot,
    Step,
    Tasks,
)
from agentrl.envs.serving.server.catalogue import Catalogue
from agentrl.envs.serving.server.codec import Decoder, encode
from agentrl.envs.serving.server.http import Routes, read
from agentrl.envs.serving.server.sessions import Sessions
from agentrl.errors import ConfigError

LEASE_S = 600.0
MAX_BATCH = 4096

C = TypeVar("C", bound=Call)
Lease = Annotated[float, Meta(gt=0, le=86_400, description="Seconds without a call after which the session ends.")]


class NewSession(msgspec.Struct, forbid_unknown_fields=True):
    """What to open."""

    env_id: str
    kwargs: Annotated[dict[str, Any], Meta(description="Of the environment's constructor.")] = {}
    max_episode_steps: Annotated[int, Meta(description="Instead of the id's time limit; -1 for none.")] | None = None
    lease_s: Lease = LEASE_S


class Renewal(msgspec.Struct, forbid_unknown_fields=True):
    """A new lease."""

    lease_s: Lease | None = None


class Branch(msgspec.Struct, forbid_unknown_fields=True):
    """A fork."""

    snapshot: Annotated[str, Meta(description="Default: the point reached.")] | None = None
    lease_s: Annotated[Lease, Meta(description="Default: that of the session.")] | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Calls of many sessions."""

    calls: Annotated[list[Reset | Step], Meta(max_length=MAX_BATCH)]


_new_session, _renewal = Decoder.of(NewSession), Decoder.of(Renewal)
_branch, _batch = Decoder.of(Branch), Decoder.of(Batch)
_decoders: dict[Any, Decoder] = {
    kind: Decoder.of(kind) for kind in (Reset, Step, Restore, Snapshot, Oracle, Demonstrator, Demonstrate)
}


def router(sessions: Sessions, catalogue: Catalogue) -> APIRouter:
    """Everything below `/v1`."""
    routes = Routes(sessions.refuse, "agentrl v1")
    place = "/v1/sessions/{session}"

    async def batch(request: Request) -> Reply:
        """Steps and resets of many sessions: in order within a session, independently between them.

        A call that fails has `{"status", "error"}` in its place of the answers.
        """
        calls = _batch(await read(request)).calls
        answers = [_in_batch(reply) for reply in await sessions.batch(calls)]
        return Reply(200, b'{"answers":[' + b",".join(answers) + b"]}")

    def play(kind: type[C]) -> Any:
        decode = _decoders[kind]

        async def handler(request: Request) -> Reply:
            answer = sessions.call(_of_path(decode(await read(request)), request))
            return answer if isinstance(answer, Reply) else await answer

        handler.__doc__ = kind.__doc__
        return handler

    routes.add("POST", "/v1/batch", batch, Batch, answer="answers, in the order of the calls")
    routes.add("POST", f"{place}/step", play(Step), Step, answer="observation, reward, terminated, truncated, info")
    routes.add("POST", f"{place}/reset", play(Reset), Reset, answer="observation, info")

    async def envs(request: Request) -> Reply:
        """The environments that sessions can be opened of."""
        fields = ("env_id", "family", "max_episode_steps")
        return Reply(
            200, encode({"envs": [{name: offer.about[name] for name in fields} for offer in catalogue.offers.values()]})
        )

    async def create(request: Request) -> Reply:
        """Open a session: one environment of one client. Without a call for `lease_s` seconds it ends."""
        new: NewSession = _new_session(await read(request))
        catalogue.find(new.env_id)
        _, about = await sessions.open(
            new.env_id, lease_s=new.lease_s, kwargs=new.kwargs, max_episode_steps=new.max_episode_steps
        )
        return Reply(201, encode(about))

    async def list_(request: Request) -> Reply:
        """The open sessions."""
        return Reply(200, encode({"sessions": [session.about() for session in sessions.all()]}))

    async def show(request: Request) -> Reply:
        """One session."""
        return Reply(200, encode(sessions.find(request.path_params["session"]).about()))

    async def renew(request: Request) -> Reply:
        """Renew the lease, for as long as before if the body names no other time."""
        renewal: Renewal = _renewal(await read(request))
        session = sessions.find(request.path_params["session"])
        session.renew(renewal.lease_s)
        return Reply(200, encode({"lease_s": session.lease_s}))

    async def delete(request: Request) -> Reply:
        """Close the session, after the call that is running. Repeating that is no error."""
        sessions.close(request.path_params["session"])
        return Reply(204, b"")

    routes.add("GET", "/v1/envs", envs, answer="envs")
    routes.add("POST", "/v1/sessions", create, NewSession, answer="the session", status=201)
    routes.add("GET", "/v1/sessions", list_, answer="sessions")
    routes.add("GET", place, show, answer="the session")
    routes.add("POST", f"{place}/lease", renew, Renewal, answer="lease_s")
    routes.add("DELETE", place, delete, answer="", status=204)

    async def drop_snapshot(request: Request) -> Reply:
        """Forget a snapshot."""
        names = request.path_params
        answer = sessions.call(DropSnapshot(session=names["session"], snapshot=names["snapshot"]))
        return answer if isinstance(answer, Reply) else await answer

    async def fork(request: Request) -> Reply:
        """A second session at the point reached, or at a snapshot; neither disturbs the other."""
        branch: Branch = _branch(await read(request))
        about = await sessions.fork(request.path_params["session"], branch.snapshot, branch.lease_s)
        return Reply(201, encode(about))

    routes.add("POST", f"{place}/snapshot", play(Snapshot), answer="snapshot", status=201)
    routes.add("POST", f"{place}/restore", play(Restore), Restore, answer="", status=204)
    routes.add("DELETE", f"{place}/snapshots/{{snapshot}}", drop_snapshot, answer="", status=204)
    routes.add("POST", f"{place}/fork", fork, Branch, answer="the new session", status=201)

    def ask(kind: type[C]) -> Any:
        async def handler(request: Request) -> Reply:
            try:
                call = msgspec.convert(dict(request.query_params), kind, strict=False)
            except msgspec.ValidationError as error:
                raise ConfigError(f"query: {error}") from None
            answer = sessions.call(_of_path(call, request))
            return answer if isinstance(answer, Reply) else await answer

        handler.__doc__ = kind.__doc__
        return handler

    pages = {"split": "Default: the session's.", "start": "Default: 0.", "stop": "Default: 100."}
    routes.add("GET", f"{place}/tasks", ask(Tasks), answer="total, tasks", query=pages)
    routes.add("GET", f"{place}/kind", ask(Kind), answer="kind", query={"task_id": "Of any split."})
    routes.add("GET", f"{place}/reference", ask(Reference), answer="reference", query={"task_id": "Of any split."})
    routes.add("POST", f"{place}/oracle", play(Oracle), answer="actions")
    routes.add("POST", f"{place}/demonstrator", play(Demonstrator), Demonstrator, answer="", status=204)
    routes.add("POST", f"{place}/demonstrate", play(Demonstrate), Demonstrate, answer="action, mistake")
    return routes.router


def _of_path(call: Any, request: Request) -> Any:
    """A call, of the session that the path names."""
    name = request.path_params["session"]
    if call.session not in ("", name):
        raise ConfigError(f"session: the path names {name}, the call {call.session:.80}")
    call.session = name
    return call


def _in_batch(reply: Reply) -> bytes:
    """An answer in its place of a batch; an error with the status that it would have had."""
    return reply.body if reply.ok else b'{"status":%d,' % reply.status + reply.body[1:]
