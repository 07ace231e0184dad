"""OpenEnv's HTTP routes, for the first environment below `/` and for each below `/envs/ID`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi.routing import APIRouter
from msgspec import Meta
from starlette.requests import Request

import agentrl
from agentrl.envs.serving.server import mcp
from agentrl.envs.serving.server.calls import Reply, RequestId, Tasks
from agentrl.envs.serving.server.catalogue import Catalogue, Offer
from agentrl.envs.serving.server.codec import Decoder, encode
from agentrl.envs.serving.server.episodes import Episodes
from agentrl.envs.serving.server.http import Routes, read
from agentrl.envs.serving.server.refusal import Refusal
from agentrl.envs.serving.server.served import MAX_TASKS
from agentrl.envs.serving.server.sessions import Sessions
from agentrl.errors import ConfigError


class ResetBody(msgspec.Struct):
    """For documentation; `openenv.reset_options` checks."""

    seed: Annotated[int, Meta(ge=0, description="Of the draw of a task.")] | None = None
    episode_id: Annotated[str, Meta(max_length=255, description="Name of the episode; default: a new one.")] | None = (
        None
    )
    task: Annotated[str, Meta(description="The task to play.")] | None = None


class StepBody(msgspec.Struct, forbid_unknown_fields=True):
    """One action of an episode."""

    action: Annotated[dict[str, Any], Meta(description="As /schema says.")]
    episode_id: Annotated[str, Meta(description="As the answer to /reset says in `metadata`.")]
    request_id: RequestId | None = None


class SplitBody(msgspec.Struct, forbid_unknown_fields=True):
    """A split."""

    split: str


class IndexBody(msgspec.Struct, forbid_unknown_fields=True):
    """A task by its place in a split."""

    split: str
    index: int


class RangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Tasks of a split, from `start` to before `stop`."""

    split: str
    start: int | None = None
    stop: int | None = None


_any, _step = Decoder.of(dict[str, Any]), Decoder.of(StepBody)
_split, _index, _range = Decoder.of(SplitBody), Decoder.of(IndexBody), Decoder.of(RangeBody)


def router(sessions: Sessions, catalogue: Catalogue) -> APIRouter:
    """All routes of OpenEnv."""
    routes = Routes(sessions.refuse, "OpenEnv")
    episodes = Episodes(sessions)

    def offer(request: Request) -> Offer:
        return catalogue.find(request.path_params.get("env_id"))

    async def reset(request: Request) -> Reply:
        """Begin an episode. `metadata.episode_id` of the answer names it in the requests that follow."""
        return await episodes.reset(offer(request), _any(await read(request)))

    async def step(request: Request) -> Reply:
        """Carry out one action of an episode."""
        body: StepBody = _step(await read(request))
        return await episodes.step(offer(request), body.episode_id, body.action, body.request_id)

    async def state(request: Request) -> Reply:
        """The state of an episode, or that of an environment before its first."""
        if name := request.query_params.get("episode_id"):
            return await episodes.state(offer(request), name)
        return Reply(200, encode({"episode_id": None, "step_count": 0, "task_id": "", "playing": False}))

    async def metadata(request: Request) -> Reply:
        """What the environment is."""
        found = offer(request)
        about = {"name": found.env_id, "description": found.description, "version": agentrl.__version__}
        return Reply(200, encode(about | {"readme_content": None, "author": None, "documentation_url": None}))

    async def schema(request: Request) -> Reply:
        """JSON Schemas of actions, observations and states."""
        return Reply(200, encode(offer(request).schemas))

    async def rpc(request: Request) -> Reply:
        """The tools `reset` and `step`, by JSON-RPC 2.0.

        Methods: initialize, ping, tools/list, tools/call, openenv/session/create, openenv/session/close.
        """
        try:
            message = _any(await read(request))
        except ConfigError as error:
            failed = {"code": mcp.PARSE_ERROR, "message": str(error)}
            return Reply(200, encode({"jsonrpc": "2.0", "id": None, "error": failed}))
        found = await mcp.answer(message, offer(request), episodes)
        return Reply(202, b"") if found is None else Reply(200, encode(found))

    async def health(request: Request) -> Reply:
        """Whether new sessions are welcome; needs no token."""
        if sessions.draining:
            return Reply(
                503, encode({"status": "unhealthy", "message": "the server is shutting down"}), retry_after_s=5
            )
        return Reply(200, encode({"status": "healthy"}))

    for place in ("", "/envs/{env_id}"):
        routes.add("POST", f"{place}/reset", reset, ResetBody, answer="observation, reward, done, metadata")
        routes.add("POST", f"{place}/step", step, StepBody, answer="observation, reward, done, metadata")
        episode = {"episode_id": "Default: an episode that has not begun."}
        routes.add("GET", f"{place}/state", state, answer="episode_id, step_count", query=episode)
        routes.add("GET", f"{place}/metadata", metadata, answer="name, description")
        routes.add("GET", f"{place}/schema", schema, answer="action, observation, state")
        routes.add("GET", f"{place}/health", health, answer="healthy")
        routes.add("POST", f"{place}/mcp", rpc, schema={"type": "object"}, answer="a JSON-RPC response")

    async def openapi(request: Request) -> Reply:
        """This page for one environment, as if it were the only one."""
        place, page = "/envs/{env_id}", request.app.openapi()
        offer(request)
        paths = {path.removeprefix(place): about for path, about in page["paths"].items() if path.startswith(place)}
        return Reply(200, encode(page | {"paths": paths}))

    routes.add("GET", "/envs/{env_id}/openapi.json", openapi, answer="OpenAPI")

    async def environments(request: Request) -> Reply:
        """Ids of the environments."""
        return Reply(200, encode(list(catalogue.offers)))

    async def splits(request: Request) -> Reply:
        """The splits of an environment's tasks."""
        found = offer(request)
        return Reply(200, encode([{"name": name, "type": _split_type(name)} for name in found.about["splits"]]))

    async def ask(request: Request, split: str, start: int, stop: int) -> tuple[int, list[dict[str, Any]]]:
        call = Tasks(split=split, start=start, stop=stop, kinds=False)
        reply = await catalogue.ask(offer(request).env_id, call)
        if not reply.ok:
            raise Refusal.of(reply)
        said = msgspec.json.decode(reply.body)
        return said["total"], said["tasks"]

    async def tasks(request: Request) -> Reply:
        """All tasks of a split."""
        total, found = await ask(request, _split(await read(request)).split, 0, MAX_TASKS)
        if total > len(found):
            raise ConfigError(f"the split has {total} tasks, too many at a time: use task_range")
        return Reply(200, encode({"tasks": found, "env_name": offer(request).env_id}))

    async def num_tasks(request: Request) -> Reply:
        """How many tasks a split has."""
        total, _ = await ask(request, _split(await read(request)).split, 0, 0)
        return Reply(200, encode({"num_tasks": total}))

    async def task(request: Request) -> Reply:
        """One task of a split."""
        body: IndexBody = _index(await read(request))
        if body.index >= 0:
            _, found = await ask(request, body.split, body.index, body.index + 1)
            if found:
                return Reply(200, encode({"task": found[0]}))
        raise Refusal(
            "bad_index", f"the split {body.split!r} has no task {body.index}: num_tasks says how many there are"
        )

    async def task_range(request: Request) -> Reply:
        """Some tasks of a split."""
        body: RangeBody = _range(await read(request))
        start = body.start or 0
        stop = start + MAX_TASKS if body.stop is None else body.stop
        if start < 0 or stop < 0:
            raise Refusal("bad_index", "start and stop count from 0")
        _, found = await ask(request, body.split, start, max(start, stop))
        return Reply(200, encode({"tasks": found}))

    routes.add("GET", "/list_environments", environments, answer="ids")
    routes.add("GET", "/{env_id}/splits", splits, answer="name and type of each")
    routes.add("POST", "/{env_id}/tasks", tasks, SplitBody, answer="tasks, env_name")
    routes.add("POST", "/{env_id}/num_tasks", num_tasks, SplitBody, answer="num_tasks")
    routes.add("POST", "/{env_id}/task", task, IndexBody, answer="task")
    routes.add("POST", "/{env_id}/task_range", task_range, RangeBody, answer="tasks")
    return routes.router


def _split_type(name: str) -> str:
    """OpenEnv knows three."""
    return "train" if name.startswith("train") else "test" if name.startswith("test") else "validation"
