"""An environment on a server, as if it were here.

`gym.make("ALFWorld-v0", url=…)` puts the same wrappers around a `RemoteEnv` that it puts around the environment itself:
the time limit is counted here, and `fork` and `snapshot` take the count along.
"""

from __future__ import annotations

import base64
import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, overload
from urllib.parse import urlencode

import gymnasium as gym

from agentrl.address import parse_addresses
from agentrl.envs.serving.calls import Patience, run, run_async
from agentrl.envs.serving.client import Client
from agentrl.envs.serving.play_log import Entry, Planned, Point
from agentrl.envs.serving.remote_session import RemoteSession
from agentrl.envs.serving.server.spaces import to_json
from agentrl.envs.serving.space_json import space_of, value_of
from agentrl.envs.spaces import Unicode
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

_PAGE = 256
"""Tasks of one request."""


class RemoteEnv(gym.Env[Any, Any]):
    """An environment of a server of ours (`agentrl serve`): `agentrl.envs.base.Core` over the wire.

    `reset` and `step` block; `await prefetch(…)` does the network's part of the next one beforehand.

    Args:
        env_id: an environment that the server offers.
        url: `http://host:8000`, `unix:/path/to.sock`, or several servers, as a list or with commas.
        token: what the server was started with; default: the environment variable AGENTRL_TOKEN.
        recover: when the session is lost, with its server or by its lease, go on in a new one, on any of the servers,
            that is brought to the same state by playing the episode again; hashes of all answers prove that it is.
            Otherwise that is an InfraError.
        timeout_s: seconds for one answer.
        retry_s: seconds for repeating a call whose answer was lost, or, with `recover`, for a server to come back.
        lease_s: seconds between calls after which the server closes the session.
        kwargs: of the environment's constructor.

    Raises:
        InfraError: no server answers, or none has room.
        ConfigError, UnknownNameError: an address, the token, the id or the arguments are wrong.
    """

    blocking = True
    turn_limit: int | None = None
    """The most turns of an episode, which are counted here: the environment on the server is told."""

    def __init__(
        self,
        env_id: str,
        url: str | list[str],
        *,
        token: str = "",
        recover: bool = False,
        render_mode: str | None = None,
        timeout_s: float = 120.0,
        retry_s: float = 60.0,
        lease_s: float = 600.0,
        **kwargs: Any,
    ) -> None:
        token = token or os.environ.get("AGENTRL_TOKEN", "")
        servers = [Client.of(address, token) for address in parse_addresses(url)]
        patience = Patience(timeout_s, retry_s)
        self.session = RemoteSession(servers, env_id, kwargs, recover=recover, patience=patience, lease_s=lease_s)
        self._planned: tuple[tuple[Any, ...], Planned] | None = None
        self._running = self._closed = False
        self._tasks: dict[str, RemoteTasks] = {}
        self._last = self.task_id = ""
        self.render_mode = render_mode
        run(self.session.open())
        about = self.session.description
        self.family: str = about["family"]
        self.splits: tuple[str, ...] = tuple(about["splits"])
        self.split: str = about["split"]
        self.channels: tuple[str, ...] = tuple(about["channels"])
        self.action_space = space_of(about["action_space"])
        self.observation_space = space_of(about["observation_space"])
        self.metadata = {"render_modes": [mode for mode in about["metadata"]["render_modes"] if mode == "ansi"]}

    # -- Gymnasium ---------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        answer = self._play("reset", seed, options)
        observation, info = self._read(answer)
        self._running = True
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        answer = self._play("step", action)
        observation, info = self._read(answer)
        terminated, truncated = bool(answer["terminated"]), bool(answer["truncated"])
        self._running = not (terminated or truncated)
        return observation, float(answer["reward"]), terminated, truncated, info

    def render(self) -> str | None:
        return self._last if self.render_mode == "ansi" else None

    def close(self) -> None:
        self._closed, self._running = True, False
        self.session.close()

    # -- awaited -----------------------------------------------------------------------------------------------

    async def prefetch(self, call: str, *args: Any, **kwargs: Any) -> None:
        """Exchange with the server for the next `reset` or `step`, which then returns at once.

        So all wrappers around this environment, which know no coroutines, work as ever.
        """
        asked = args if call == "step" else (kwargs.get("seed"), kwargs.get("options"))
        await run_async(self.session.play(self.plan(call, *asked)))

    def plan(self, call: str, *asked: Any) -> Planned:
        """What the next `reset` (seed, options) or `step` (action) sends; it takes the answer from there."""
        planned = Planned(self._step(*asked) if call == "step" else self._reset(*asked))
        self._planned = ((call, *asked), planned)
        return planned

    def _play(self, *asked: Any) -> Any:
        before, self._planned = self._planned, None
        if before is not None and before[0] == asked:
            planned = before[1]
        elif before is None or before[1].answer is None:  # none, or one that was cancelled
            planned = self.plan(*asked)
            self._planned = None
        else:
            raise ConfigError(
                f"{before[0]!r:.200} was sent and now {asked!r:.200} is called: a wrapper around this environment "
                "changes what it is asked, so it cannot be awaited"
            )
        return run(self.session.play(planned))

    def _reset(self, seed: int | None, options: dict[str, Any] | None) -> Entry:
        if self._closed:
            raise gym.error.ClosedEnvironmentError("this environment was closed: make a new one")
        if seed is None and not self.session.log.draws:
            # without a seed the server would draw one that nobody knows when the session has to be played again
            seed = int.from_bytes(os.urandom(4), "big")
        body = {"seed": seed, "options": options, "turn_limit": self.turn_limit}
        return Entry("reset", {name: value for name, value in body.items() if value is not None})

    def _step(self, action: Any) -> Entry:
        if not self._running:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
        if isinstance(self.action_space, Unicode) and not isinstance(action, str):
            raise TypeError(f"an action is a str, not {type(action).__name__}: {action!r:.80}")
        return Entry("step", {"action": to_json(self.action_space, action)})

    def _read(self, answer: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        info = dict(answer["info"])
        if self.channels:  # a plain Gymnasium environment has none, and no outcomes
            info["outcome"] = Outcome(**info["outcome"])
            if "images" in info:
                info["images"] = [base64.b64decode(image) for image in info["images"]]
        self.task_id = info.get("task_id", "")
        observation = value_of(self.observation_space, answer["observation"])
        self._last = observation if isinstance(observation, str) else ""
        return observation, info

    # -- the contract beyond Gymnasium -------------------------------------------------------------------------

    def tasks(self, split: str | None = None) -> Sequence[str]:
        """Ids of the tasks of a split, fetched page by page as they are looked at."""
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        if split not in self._tasks:
            self._tasks[split] = RemoteTasks(self.session, split)
        return self._tasks[split]

    def kind(self, task_id: str) -> str:
        for tasks in self._tasks.values():
            if task_id in tasks.kinds:
                return tasks.kinds[task_id]
        return str(run(self.session.ask("GET", f"kind?{urlencode({'task_id': task_id})}"))["kind"])

    def reference(self, task_id: str) -> Mapping[str, Any]:
        answer: dict[str, Any] = run(self.session.ask("GET", f"reference?{urlencode({'task_id': task_id})}"))
        return dict(answer["reference"])

    def oracle(self) -> Iterator[str]:
        yield from run(self.session.ask("POST", "oracle"))["actions"]

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> RemoteDemonstrator:
        run(self.session.play(Planned(Entry("demonstrator", {"seed": seed, "mistakes": mistakes}))))
        return RemoteDemonstrator(self.session)

    def snapshot(self) -> Any:
        return self.task_id, self._last, self._running, run(self.session.snapshot())

    def restore(self, snapshot: Any) -> None:
        point: Point
        self.task_id, self._last, self._running, point = snapshot
        run(self.session.restore(point))

    def fork(self) -> Self:
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        twin._planned, twin._tasks = None, {}
        twin.session = run(self.session.fork())
        return twin


class RemoteTasks(Sequence[str]):
    """The task ids of a split on a server, a page at a time."""

    def __init__(self, session: RemoteSession, split: str) -> None:
        self.kinds: dict[str, str] = {}
        """Category of each task seen so far."""
        self._session, self._split = session, split
        self._pages: dict[int, list[str]] = {}
        self._total = int(self._fetch(0)["total"])

    def __len__(self) -> int:
        return self._total

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._total))]
        place = range(self._total)[index]
        page = place // _PAGE
        if page not in self._pages:
            self._fetch(page)
        return self._pages[page][place % _PAGE]

    def _fetch(self, page: int) -> dict[str, Any]:
        query = urlencode({"split": self._split, "start": page * _PAGE, "stop": (page + 1) * _PAGE})
        answer: dict[str, Any] = run(self._session.ask("GET", f"tasks?{query}"))
        self._pages[page] = [task["task_id"] for task in answer["tasks"]]
        self.kinds |= {task["task_id"]: task["kind"] for task in answer["tasks"]}
        return answer


class RemoteDemonstrator:
    """The expert of an environment on a server."""

    last_was_mistake = False

    def __init__(self, session: RemoteSession) -> None:
        self._session = session

    def act(self, observation: str) -> str:
        """The next command.

        Raises:
            StopIteration: the expert has no more.
        """
        answer = run(self._session.play(Planned(Entry("demonstrate", {"observation": observation}))))
        if answer["action"] is None:
            raise StopIteration
        self.last_was_mistake = bool(answer["mistake"])
        return str(answer["action"])
