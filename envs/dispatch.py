"""Where an environment runs: here, or on a server. The entry point of every id that `agentrl.register` registers."""

from __future__ import annotations

from typing import Any, cast

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from agentrl.errors import ConfigError


def make(*, _id: str, _core: str, url: str | list[str] = "", **kwargs: Any) -> gym.Env[Any, Any]:
    """The environment itself, without wrappers; `gym.make` calls this.

    Args:
        _id: the Gymnasium id, set by `agentrl.register` …
        _core: … and so is this, `module:Class`.
        url: server to play on, see `agentrl.envs.serving.remote.RemoteEnv`, which takes further arguments then.
        kwargs: of the class.
    """
    if url:
        from agentrl.envs.serving.remote import RemoteEnv

        return RemoteEnv(_id, url, **kwargs)
    if "token" in kwargs or "recover" in kwargs:
        raise ConfigError("token and recover are for an environment on a server: give its url, too")
    creator: Any = load_env_creator(_core)
    modes = getattr(creator, "metadata", {}).get("render_modes", [])
    if kwargs.get("render_mode") not in (None, *modes):  # gym.make warns only where it sees the class
        gym.logger.warn(f"{_id} is made with render_mode={kwargs['render_mode']!r}, which is not among {modes}")
    return cast("gym.Env[Any, Any]", creator(**kwargs))
