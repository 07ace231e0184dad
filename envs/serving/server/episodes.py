"""OpenEnv without a connection: episodes that clients name in each request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from agentrl.envs.serving.server import openenv
from agentrl.envs.serving.server.calls import Reply, Reset, State, Step
from agentrl.envs.serving.server.catalogue import Offer
from agentrl.envs.serving.server.refusal import Refusal
from agentrl.envs.serving.server.session import Session
from agentrl.envs.serving.server.sessions import Sessions

LEASE_S = 600.0
OVER_LEASE_S = 30.0
"""Of an episode that is over: OpenEnv has no route to close it."""

Key = tuple[str, str]
"""Environment and episode."""


class Episodes:
    """Sessions by the names that clients of OpenEnv give them."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._named: dict[Key, Session] = {}

    async def open(self, offer: Offer, name: str = "") -> str:
        """Make an environment for an episode; returns the episode's name.

        Raises:
            Refusal: there is no room.
        """
        name = name or str(uuid.uuid4())
        key = (offer.env_id, name)
        forget = partial(self._forget, key)
        session, _ = await self.sessions.open(offer.env_id, lease_s=LEASE_S, form="openenv", on_lost=forget)
        if key in self._named:  # two requests began the same episode at once
            self.sessions.close(session.id)
        else:
            self._named[key] = session
        return name

    def close(self, offer: Offer, name: str) -> bool:
        """Close an episode; returns whether there was one."""
        session = self._named.pop((offer.env_id, name), None)
        if session:
            self.sessions.close(session.id)
        return session is not None

    async def reset(self, offer: Offer, data: Mapping[str, Any]) -> Reply:
        """Begin an episode: a new one, or again the one that `episode_id` names."""
        seed, options = openenv.reset_options(data)
        name = options.get("episode_id") or str(uuid.uuid4())
        if (offer.env_id, name) not in self._named:
            await self.open(offer, name)
        session = self._find(offer, name)
        session.renew(LEASE_S)
        return await self._call(Reset(session=session.id, seed=seed, options=options | {"episode_id": name}))

    async def step(self, offer: Offer, name: Any, data: Mapping[str, Any], request_id: str | None = None) -> Reply:
        """Carry out an action."""
        session = self._find(offer, name)
        action = openenv.action_of(offer.field, data)
        reply = await self._call(Step(session=session.id, action=action, request_id=request_id))
        if reply.outcome in ("terminated", "truncated"):
            session.renew(OVER_LEASE_S)
        return reply

    async def state(self, offer: Offer, name: str) -> Reply:
        """The state of an episode."""
        return await self._call(State(session=self._find(offer, name).id))

    def _find(self, offer: Offer, name: Any) -> Session:
        if not isinstance(name, str) or (offer.env_id, name) not in self._named:
            message = f"no episode {name!r:.80}: POST /reset begins one, and ends unused after {LEASE_S:g} s"
            raise Refusal("not_found", message)
        return self._named[offer.env_id, name]

    async def _call(self, call: Reset | Step | State) -> Reply:
        answer = self.sessions.call(call)
        return answer if isinstance(answer, Reply) else await answer

    def _forget(self, key: Key, why: str) -> None:
        self._named.pop(key, None)
