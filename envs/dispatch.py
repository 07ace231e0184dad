"""Where an environment runs: here, in a container, or on a server.

`make` is the entry point of every id that `agentrl.register` registers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from agentrl.errors import ConfigError


def has_sandboxes(core: str) -> bool:
    """Whether an environment, `module:Class`, runs its episodes in sandboxes of its own."""
    return bool(getattr(load_env_creator(core), "sandboxes", ()))


def pictured(env_id: str) -> Mapping[str, Any]:
    """Arguments of `gym.make` with which the observations of an environment have pictures; see `TextEnv.pictured`."""
    spec = gym.registry.get(env_id)
    core = spec.kwargs.get("_core") if spec else None
    return getattr(load_env_creator(core), "pictured", {}) if core else {}


def make(*, _id: str, _core: str, url: str | list[str] = "", backend: str = "", **kwargs: Any) -> gym.Env[Any, Any]:
    """The environment itself, without wrappers; `gym.make` calls this.

    Args:
        _id: the Gymnasium id, set by `agentrl.register` …
        _core: … and so is this, `module:Class`.
        url: server to play on, see `agentrl.envs.serving.remote.RemoteEnv`, which takes further arguments then.
        backend: "docker" plays in a container of this machine, which is started if need be; "" in this process. An
            environment that has sandboxes of its own stays in this process, and has them there.
        kwargs: of the class.
    """
    if backend and has_sandboxes(_core):
        if url or "sandbox" in kwargs:
            raise ConfigError(f"backend is the kind of sandbox of {_id}: give either backend, or sandbox, or url")
        kwargs, backend = {**kwargs, "sandbox": backend}, ""
    if backend:
        if url or "token" in kwargs:
            raise ConfigError("backend starts a server of its own: give either backend, or url and token")
        from agentrl.envs.serving.backend import address

        url = address(_id, backend)
    if url:
        from agentrl.envs.serving.remote import RemoteEnv

        return RemoteEnv(_id, url, **kwargs)
    if "token" in kwargs or "recover" in kwargs:
        raise ConfigError("token and recover are for an environment on a server: give its url, too, or a backend")
    creator: Any = load_env_creator(_core)
    modes = getattr(creator, "metadata", {}).get("render_modes", [])
    if kwargs.get("render_mode") not in (None, *modes):  # gym.make warns only where it sees the class
        gym.logger.warn(f"{_id} is made with render_mode={kwargs['render_mode']!r}, which is not among {modes}")
    return cast("gym.Env[Any, Any]", creator(**kwargs))
