"""Many sessions of one server as a Gymnasium vector, stepped in one request."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from agentrl.envs.dispatch import has_sandboxes
from agentrl.envs.serving.calls import LostError, run
from agentrl.envs.serving.client import Client
from agentrl.envs.serving.play_log import Planned
from agentrl.envs.serving.remote import RemoteEnv
from agentrl.envs.serving.remote_session import RemoteSession, play_batch


def make_vec(
    num_envs: int,
    *,
    _id: str,
    _core: str,
    autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    **kwargs: Any,
) -> SyncVectorEnv[Any, Any]:
    """The vector behind `gym.make_vec(id, num_envs, url=…)`."""
    if "url" not in kwargs and has_sandboxes(_core):
        return SyncVectorEnv([partial(gym.make, _id, **kwargs)] * num_envs, autoreset_mode=autoreset_mode)
    return RemoteVectorEnv(_id, num_envs, autoreset_mode, **kwargs)


class RemoteVectorEnv(SyncVectorEnv[Any, Any]):
    """Gymnasium's own vector, whose environments find the answers already there.

    All calls of a `reset` or `step` are sent first, in one request for each server. One that fails in it is made
    again by its environment, with the same request id, and fails there, or is recovered.

    Args:
        env_id: the Gymnasium id.
        kwargs: of `gym.make`, `url` among them.
    """

    def __init__(self, env_id: str, num_envs: int, autoreset_mode: str | AutoresetMode, **kwargs: Any) -> None:
        super().__init__([partial(gym.make, env_id, **kwargs)] * num_envs, autoreset_mode=autoreset_mode)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        seeds = seed if isinstance(seed, list) else [None if seed is None else seed + i for i in range(self.num_envs)]
        mask = (options or {}).get("reset_mask")
        rest = {key: value for key, value in (options or {}).items() if key != "reset_mask"}
        asked = None if options is None else rest
        self._fetch([None if mask is not None and not mask[i] else ("reset", s, asked) for i, s in enumerate(seeds)])
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        actions = tuple(iterate(self.action_space, actions))
        again = self._autoreset_envs if self.autoreset_mode == AutoresetMode.NEXT_STEP else np.zeros(self.num_envs)
        self._fetch([("reset", None, None) if again[i] else ("step", action) for i, action in enumerate(actions)])
        return super().step(actions)

    def _fetch(self, asked: list[tuple[Any, ...] | None]) -> None:
        parts: defaultdict[Client, list[tuple[RemoteSession, Planned]]] = defaultdict(list)
        for env, call in zip(self.envs, asked, strict=True):
            core = cast(RemoteEnv, env.unwrapped)
            if call is not None:
                parts[core.session.client].append((core.session, core.plan(*call)))
        for client, calls in parts.items():
            try:
                run(play_batch(client, calls, calls[0][0].patience))
            except LostError:
                continue  # each environment finds out for itself
