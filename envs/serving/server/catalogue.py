"""What a server offers: its environments, and one of each to ask about tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from agentrl.envs.serving.server import openenv
from agentrl.envs.serving.server.calls import AnyCall, Reply
from agentrl.envs.serving.server.refusal import Refusal
from agentrl.envs.serving.server.served import Served
from agentrl.registry import resolve


@dataclass(frozen=True, slots=True)
class Offer:
    """One environment."""

    env_id: str
    description: str
    about: dict[str, Any]
    """As of a session."""
    schemas: dict[str, Any]
    """OpenEnv's, of actions, observations and states."""
    field: str
    """Of an OpenEnv action."""
    sample: Served


class Catalogue:
    """The environments of a server, by id; the first is the one at OpenEnv's `/`.

    Args:
        env_ids: registered ids, or `module:Id-v0`.

    Raises:
        ConfigError, UnknownNameError, MissingExtraError: one of them cannot be made.
    """

    def __init__(self, env_ids: Sequence[str]) -> None:
        # one thread for all samples, for some environments may be used only in the thread that made them
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="catalogue")
        offers = [self._thread.submit(_offer, env_id).result() for env_id in dict.fromkeys(env_ids)]
        self.offers = {offer.env_id: offer for offer in offers}

    def find(self, env_id: str | None = None) -> Offer:
        """The offer of this id, or the first.

        Raises:
            Refusal: it is not served here.
        """
        if env_id is None:
            return next(iter(self.offers.values()))
        if env_id not in self.offers:
            raise Refusal("not_found", f"this server has no {env_id!r:.80}, but {', '.join(self.offers)}")
        return self.offers[env_id]

    async def ask(self, env_id: str | None, call: AnyCall) -> Reply:
        """The answer to a call that changes nothing."""
        sample = self.find(env_id).sample
        return await asyncio.get_running_loop().run_in_executor(self._thread, sample.perform, call)

    def close(self) -> None:
        """Close the samples."""
        for offer in self.offers.values():
            self._thread.submit(offer.sample.close)
        self._thread.shutdown(wait=False)


def _offer(env_id: str) -> Offer:
    env_id = resolve(env_id)
    served = Served(env_id, {}, None, "v1")
    words = inspect.getdoc(type(served.env.unwrapped)) or f"The Gymnasium environment {env_id}."
    field = openenv.action_field(served.env.action_space)
    return Offer(env_id, words.partition("\n\n")[0], served.describe(), openenv.schemas(served.env), field, served)
