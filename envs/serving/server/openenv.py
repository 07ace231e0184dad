"""OpenEnv's form of what environments say and take: actions, observations, states and their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from gymnasium import spaces

from agentrl.envs.serving.server.spaces import schema, to_json
from agentrl.errors import ConfigError

if TYPE_CHECKING:
    from agentrl.envs.serving.server.served import Served

_RESET_FIELDS = ("seed", "episode_id", "task")


def action_field(space: spaces.Space[Any]) -> str:
    """The one required field of an action."""
    return "command" if isinstance(space, spaces.Text) else "action"


def action_of(field: str, data: Mapping[str, Any]) -> Any:
    """The action in the fields that a client sent. `metadata`, which every action of OpenEnv has, may be there.

    Raises:
        ConfigError: the field is missing, or there are others.
    """
    others = data.keys() - {field, "metadata"}
    if others or field not in data:
        raise ConfigError(f"an action has the field {field!r} and no other, not {sorted(data)!r:.200}")
    return data[field]


def reset_options(data: Mapping[str, Any]) -> tuple[int | None, dict[str, Any]]:
    """Seed and options of what a client sent to `reset`.

    Raises:
        ConfigError: a field is unknown or of the wrong type.
    """
    if unknown := data.keys() - set(_RESET_FIELDS):
        raise ConfigError(f"reset takes {', '.join(_RESET_FIELDS)}, not {sorted(unknown)!r:.200}")
    seed, options = data.get("seed"), {}
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise ConfigError(f"seed is an integer from 0, not {seed!r:.80}")
    for field in ("episode_id", "task"):
        value = data.get(field)
        if value is not None:
            if not isinstance(value, str) or len(value) > 255:
                raise ConfigError(f"{field} is a string of up to 255 characters, not {value!r:.80}")
            options[field] = value
    return seed, options


def reset_answer(served: Served, observation: Any, info: Mapping[str, Any]) -> dict[str, Any]:
    """What `reset` says."""
    return {
        "observation": _observation(served, observation, info),
        "reward": None,
        "done": False,
        "metadata": {"task_id": served.task_id, "episode_id": served.episode_id},
    }


def step_answer(
    served: Served, observation: Any, reward: Any, terminated: bool, truncated: bool, info: Mapping[str, Any]
) -> dict[str, Any]:
    """What `step` says. OpenEnv knows only `done`; what it leaves out stands beside it and again in `metadata`."""
    more = {
        "terminated": bool(terminated),
        "truncated": bool(truncated),
        "outcome": info.get("outcome"),
        "rewards": info.get("rewards", {}),
        "task_id": served.task_id,
        "episode_id": served.episode_id,
    }
    return {
        "observation": _observation(served, observation, info),
        "reward": float(reward),
        "done": terminated or truncated,
        **more,
        "metadata": more,
    }


def _observation(served: Served, observation: Any, info: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(observation, str):
        return {"observation": to_json(served.env.observation_space, observation)}
    return {"text": observation, **{name: info[name] for name in ("admissible_commands", "images") if name in info}}


def schemas(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """JSON Schemas of actions, observations and states, as `/schema` answers."""
    field = action_field(env.action_space)
    observation: dict[str, Any] = {"observation": schema(env.observation_space)}
    if isinstance(env.observation_space, spaces.Text):
        commands = {"type": "array", "items": {"type": "string"}, "description": "All that do something here."}
        images = {
            "type": "array",
            "items": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"},
        }
        text = schema(env.observation_space)
        observation = {"text": text, "admissible_commands": commands, "images": images}
    required = [next(iter(observation))]
    state = {
        "episode_id": {"type": ["string", "null"]},
        "step_count": {"type": "integer", "minimum": 0},
        "task_id": {"type": "string"},
        "playing": {"type": "boolean", "description": "Whether an episode is running."},
    }
    return {
        "action": _object("Action", {field: schema(env.action_space)}, [field]),
        "observation": _object("Observation", observation, required),
        "state": _object("State", state, ["step_count"]),
    }


def _object(title: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
