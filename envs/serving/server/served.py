"""One environment being served: every call, carried out on it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym

from agentrl.envs.base import Demonstrator as Expert
from agentrl.envs.base import Episode
from agentrl.envs.serving.server import openenv
from agentrl.envs.serving.server.calls import (
    AnyCall,
    Demonstrate,
    Demonstrator,
    DropSnapshot,
    Fork,
    Form,
    Kind,
    Open,
    Oracle,
    Reference,
    Reply,
    Reset,
    Restore,
    Snapshot,
    State,
    Step,
    Tasks,
)
from agentrl.envs.serving.server.codec import encode
from agentrl.envs.serving.server.refusal import Refusal, refusal_of
from agentrl.envs.serving.server.spaces import describe, from_json, to_json
from agentrl.errors import ConfigError

MAX_SNAPSHOTS = 64
MAX_TASKS = 10_000
"""In one answer."""
_OURS = frozenset({"url", "backend", "token", "recover"})
"""Arguments of `gym.make` that would have this server play on another one."""


class Served:
    """An environment, its snapshots and its demonstrator.

    Raises:
        ConfigError, UnknownNameError: the environment refuses its arguments.
    """

    def __init__(self, env_id: str, kwargs: Mapping[str, Any], max_episode_steps: int | None, form: Form) -> None:
        self.env, self.form = make(env_id, kwargs, max_episode_steps), form
        self.task_id, self.episode_id = "", ""
        self.steps = 0
        self.playing = False
        self._snapshots: dict[str, tuple[Any, bool, int]] = {}
        self._serial = itertools.count(1)
        self._expert: Expert | None = None

    @property
    def blocking(self) -> bool:
        """Whether a step may take longer than a millisecond."""
        return not isinstance(self.env, Episode) or self.env.core.blocking

    def perform(self, call: AnyCall) -> Reply:
        """Carry out one call."""
        try:
            result = _HANDLERS[type(call)](self, call)
            if isinstance(result, Reply):
                return result
            body = b"" if result is None else encode(result)
        except Exception as error:  # noqa: BLE001 - whatever the environment raises is answered, and logged if ours
            return refusal_of(error).reply()
        status = 204 if result is None else 201 if isinstance(call, Open | Fork | Snapshot) else 200
        return Reply(status, body, task_id=self.task_id, steps=self.steps)

    def close(self) -> None:
        """Close the environment."""
        self._snapshots.clear()
        self.env.close()

    # -- playing -----------------------------------------------------------------------------------------------

    def reset(self, call: Reset) -> Reply:
        options = dict(call.options or {})
        self.episode_id = options.pop("episode_id", "") if self.form == "openenv" else ""
        if call.turn_limit is not None and isinstance(self.env, Episode):
            self.env.core.turn_limit = call.turn_limit
        observation, info = self.env.reset(seed=call.seed, options=options or None)
        self.playing, self.steps, self._expert = True, 0, None
        self.task_id = str(info.get("task_id", ""))
        if self.form == "openenv":
            answer = openenv.reset_answer(self, observation, info)
        else:
            answer = {"observation": to_json(self.env.observation_space, observation), "info": info}
        return Reply(200, encode(answer), task_id=self.task_id)

    def step(self, call: Step) -> Reply:
        if not self.playing:
            raise Refusal("no_episode", "no episode is running: reset first")
        env = self.env
        action = from_json(env.action_space, call.action)
        begun = time.perf_counter()
        observation, reward, terminated, truncated, info = env.step(action)
        seconds = time.perf_counter() - begun
        self.steps += 1
        self.playing = not (terminated or truncated)
        if self.form == "openenv":
            answer = openenv.step_answer(self, observation, reward, terminated, truncated, info)
        else:
            answer = {
                "observation": to_json(env.observation_space, observation),
                "reward": float(reward),
                "terminated": bool(terminated),
                "truncated": bool(truncated),
                "info": info,
            }
        outcome = info.get("outcome")
        status = getattr(outcome, "status", "running" if self.playing else "truncated" if truncated else "terminated")
        return Reply(200, encode(answer), status, seconds, self.task_id, self.steps)

    def state(self, call: State) -> dict[str, Any]:
        return {
            "episode_id": self.episode_id or None,
            "step_count": self.steps,
            "task_id": self.task_id,
            "playing": self.playing,
        }

    # -- branching ---------------------------------------------------------------------------------------------

    def snapshot(self, call: Snapshot) -> dict[str, Any]:
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            message = f"the session keeps {MAX_SNAPSHOTS} snapshots already: delete one"
            raise Refusal("over_capacity", message)
        name = f"p-{next(self._serial)}"
        self._snapshots[name] = self.contract("snapshot").snapshot(), self.playing, self.steps
        return {"snapshot": name}

    def restore(self, call: Restore) -> None:
        point, self.playing, self.steps = self._point(call.snapshot)
        env = self.contract("restore")
        env.restore(point)
        self.task_id, self._expert = env.core.task_id, None

    def drop_snapshot(self, call: DropSnapshot) -> None:
        self._point(call.snapshot)
        del self._snapshots[call.snapshot]

    def fork(self, call: Fork) -> Served:
        """A second one; at the session's own point, or at one of its snapshots."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _snapshots={}, _serial=itertools.count(1), _expert=None)
        twin.env = self.contract("fork").fork()
        if call.snapshot is not None:
            point, twin.playing, twin.steps = self._point(call.snapshot)
            twin.contract("fork").restore(point)
            twin.task_id = twin.contract("fork").core.task_id
        return twin

    def _point(self, name: str) -> tuple[Any, bool, int]:
        try:
            return self._snapshots[name]
        except KeyError:
            raise Refusal("not_found", f"the session has no snapshot {name!r:.80}") from None

    # -- for trainers ------------------------------------------------------------------------------------------

    def tasks(self, call: Tasks) -> dict[str, Any]:
        env = self.contract("tasks")
        ids = env.tasks(call.split)
        if call.stop - call.start > MAX_TASKS:
            raise ConfigError(f"at most {MAX_TASKS} tasks at a time: stop is too far from start")
        page = ids[call.start : call.stop]
        found = [{"task_id": i, "kind": env.kind(i)} if call.kinds else {"task_id": i} for i in page]
        return {"total": len(ids), "tasks": found}

    def kind(self, call: Kind) -> dict[str, Any]:
        return {"kind": self.contract("kind").kind(call.task_id)}

    def reference(self, call: Reference) -> dict[str, Any]:
        return {"reference": dict(self.contract("reference").reference(call.task_id))}

    def oracle(self, call: Oracle) -> dict[str, Any]:
        return {"actions": list(self.contract("oracle").oracle())}

    def demonstrator(self, call: Demonstrator) -> None:
        if not self.playing:
            raise Refusal("no_episode", "no episode is running: reset first")
        self._expert = self.contract("demonstrator").demonstrator(seed=call.seed, mistakes=call.mistakes)

    def demonstrate(self, call: Demonstrate) -> dict[str, Any]:
        if self._expert is None:
            raise Refusal("no_episode", "no demonstrator: POST …/demonstrator after reset")
        try:
            return {"action": self._expert.act(call.observation), "mistake": self._expert.last_was_mistake}
        except StopIteration:
            return {"action": None, "mistake": False}

    # -- what it is --------------------------------------------------------------------------------------------

    def contract(self, what: str) -> Episode:
        """The environment, if it keeps our contract.

        Raises:
            Refusal: it is a plain Gymnasium environment.
        """
        if not isinstance(self.env, Episode):
            raise Refusal("unsupported", f"{self._name} is a plain Gymnasium environment, which has no {what}")
        return self.env

    @property
    def _name(self) -> str:
        return self.env.spec.id if self.env.spec else type(self.env.unwrapped).__name__

    def describe(self, call: Open | None = None) -> dict[str, Any]:
        """The session, as PROTOCOL.md has it; who opens it adds its id and lease."""
        core: Any = self.env.unwrapped
        return {
            "env_id": self._name,
            "max_episode_steps": self.env.spec.max_episode_steps if self.env.spec else None,
            "family": getattr(core, "family", ""),
            "splits": list(getattr(core, "splits", ())),
            "channels": list(getattr(core, "channels", ())),
            "split": getattr(core, "split", ""),
            "blocking": self.blocking,
            "metadata": {"render_modes": list(self.env.metadata.get("render_modes", ()))},
            "action_space": describe(self.env.action_space),
            "observation_space": describe(self.env.observation_space),
        }


_HANDLERS: Mapping[type[Any], Callable[..., Any]] = {
    Reset: Served.reset,
    Step: Served.step,
    State: Served.state,
    Snapshot: Served.snapshot,
    Restore: Served.restore,
    DropSnapshot: Served.drop_snapshot,
    Tasks: Served.tasks,
    Kind: Served.kind,
    Reference: Served.reference,
    Oracle: Served.oracle,
    Demonstrator: Served.demonstrator,
    Demonstrate: Served.demonstrate,
    Open: Served.describe,
}


def make(env_id: str, kwargs: Mapping[str, Any], max_episode_steps: int | None) -> gym.Env[Any, Any]:
    """`gym.make` for arguments that came over the wire.

    Raises:
        ConfigError, UnknownNameError: they do not fit the environment.
    """
    for name in kwargs:
        if name in _OURS or name.startswith("_"):
            raise ConfigError(f"kwargs.{name}: this is for whoever calls gym.make, not for a server")
    if max_episode_steps is not None and max_episode_steps != -1 and max_episode_steps < 1:
        raise ConfigError(f"max_episode_steps is a positive number, or -1 for no limit, not {max_episode_steps}")
    limit: dict[str, Any] = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    try:
        return gym.make(env_id, **limit, **kwargs)
    except TypeError as error:  # an argument that the class does not take
        raise ConfigError(f"kwargs: {error}") from error
