"""The agent loop: many episodes at once between environments and an engine, recorded as groups of turns.

    observation → Renderer → prompt ids → Engine → action ids → Renderer → text → Env → rewards, outcome, observation

Infrastructure failures become outcomes, never rewards. A rollout that met one is taken up again where it stood, within
its budget, by replaying its actions in a fresh environment; a run in which too many fail stops.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from agentrl.agents.episode import Limits, LLMAgent, Monitor, ReplayError, deadline, play_episode
from agentrl.agents.lookahead.opening import Opening
from agentrl.agents.lookahead.options import TokenOptions, TurnOptions
from agentrl.agents.lookahead.turns import TurnSearch
from agentrl.agents.rollout import Rollout, RolloutSpec, TurnLog, failed_turn
from agentrl.agents.together import Places, together
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import Group, Task, Turn

__all__ = [
    "AfterGroup",
    "AfterRollout",
    "AgentLoop",
    "EnvFactory",
    "LLMAgent",
    "Limits",
    "MonitorFactory",
    "RolloutSpec",
]

PAUSE_S = 0.1
"""Before a rollout is taken up again for the first time, then twice as long each time: what failed may be back by then,
and in an outage all rollouts fail as often as each other."""

LOOKAHEAD = "lookahead"
"""Topic of the notes of a group that has a tree: its record."""

_serial = itertools.count()

EnvFactory = Callable[[str], Episode]
"""Makes an environment of the contract (see `agentrl.envs.base`) from its id."""

MonitorFactory = Callable[[Task], Monitor]
"""Makes what follows an episode of a task."""

AfterRollout = Callable[[LLMAgent, Task, Sequence[Turn], str], Awaitable[None]]
"""Adds rewards to the turns of an episode that has ended, e.g. `agentrl.agents.information_gain`. What the engine has
cached for the session, the last argument, is still there. An InfraError lets it be called again, and may be raised as
often as any failure of a rollout."""

AfterGroup = Callable[[Group, int], Awaitable[Mapping[int, str]]]
"""Compares the rollouts of a group that has ended: adds rewards and notes, e.g. `agentrl.agents.arena.group`. Given
the seed of the group, it returns the last turns of those that it could not judge, and why: they end in an
infrastructure error. An InfraError says so of all of them, after it was called again as often as a failure allows. It
bounds its own time, and the same group gets the same rewards: a resumed run asks again."""


class AgentLoop:
    """Plays rollouts of an agent; keeps environments, and the count of failures, for the whole run.

    Args:
        make_env: called as often as episodes run at once; environments are reused.
        agent: the policy.
        limits: bounds of turns, episodes and the run.
        monitor: makes what follows an episode beside its environment, if anything shall.
        after_rollout: rewards the turns of each episode at its end, while others go on.
        after_group: compares the rollouts of each group at its end, while others go on.
        lookahead: how trees are grown, for groups that ask for them. Rollouts from a tree of turns are no single
            episodes, which a `monitor` or `after_rollout` could see.
    """

    def __init__(
        self,
        make_env: EnvFactory,
        agent: LLMAgent,
        limits: Limits | None = None,
        *,
        monitor: MonitorFactory | None = None,
        after_rollout: AfterRollout | None = None,
        after_group: AfterGroup | None = None,
        lookahead: TokenOptions | TurnOptions | None = None,
    ) -> None:
        if isinstance(lookahead, TurnOptions) and (monitor or after_rollout):
            raise ConfigError("nothing follows or rewards the single episodes of a tree of turns")
        self.agent, self.limits = agent, limits or Limits()
        self.attempts = 0
        """Episodes begun, retries included."""
        self.failures = 0
        """Episodes that an infrastructure error ended."""
        self.discarded = 0
        """Action tokens of turns that did not get into their group: their replay failed."""
        self._make_env, self._monitor = make_env, monitor
        self._after_rollout, self._after_group, self._lookahead = after_rollout, after_group, lookahead
        self._idle: dict[str, list[Episode]] = {}
        self._playing = self._most = 0
        """Episodes that play or are compared now, and the most that ever did."""
        self._failed: deque[int] = deque()
        """Of the latest failures, how many attempts had been made."""

    async def collect(
        self, specs: Sequence[RolloutSpec], on_group: Callable[[Group], None] | None = None
    ) -> list[Group]:
        """Play all `specs`; returns one group for each, in their order.

        Args:
            specs: what to play.
            on_group: called with each group when its last rollout has ended.

        Raises:
            RunStoppedError: too many infrastructure failures.
            ConfigError: not even the first prompt of a task fits the context.
        """
        places = self.places()

        async def play(spec: RolloutSpec) -> Group:
            group = await self.group(spec, places)
            if on_group is not None:
                on_group(group)
            return group

        return await together(play(spec) for spec in specs)

    def places(self) -> Places:
        """As many places as episodes may run at once."""
        return Places(self.limits.concurrency)

    async def group(self, spec: RolloutSpec, places: Places, log: TurnLog | None = None) -> Group:
        """Play one group, in the order of its rollouts, whichever ends first. Those from a tree come first.

        Args:
            places: shared by all that is played at the same time.
            log: holds the turns that were played before, and gets those that are played now.

        Raises:
            As `collect`.
        """
        group = Group(spec.task, notes=dict(log.notes) if log is not None else {})
        opening = self._opening(spec, group, log)
        searched = 0 if opening is not None else spec.lookahead
        plays = [self._rollout(spec, i, places, log, opening) for i in range(searched, spec.rollouts)]
        try:
            branches = await together([self._search(spec, group, places), *plays] if searched else plays)
        finally:
            if opening is not None:
                opening.close()
        for turns in branches:
            group.graft(Group(spec.task, turns))
        if self._after_group is not None:
            await self._compare(group, spec.seed, self._after_group)
        return group

    def close(self) -> None:
        """Close the environments."""
        for envs in self._idle.values():
            for env in envs:
                env.close()
        self._idle.clear()

    async def _compare(self, group: Group, seed: int, after_group: AfterGroup) -> None:
        """Let rollouts be compared; those that cannot be count as failures of episodes, each time."""
        leaves = [path[-1] for path in group.rollouts()]
        lost: Mapping[int, str] = {}
        for retry in range(self.limits.retries + 1):
            if retry:
                await asyncio.sleep(PAUSE_S * 2 ** (retry - 1))
                self.attempts += len(leaves)
            self._playing += len(leaves)
            self._most = max(self._most, self._playing)
            try:
                lost, over = await after_group(group, seed), True
            except InfraError as error:
                lost, over = dict.fromkeys(leaves, str(error)), False
            finally:
                self._playing -= len(leaves)
            for cause in lost.values():
                self._count_failure(InfraError(cause))
            if over:
                break
        for leaf, cause in lost.items():
            group.add(failed_turn(group.turns, leaf, cause))

    def _opening(self, spec: RolloutSpec, group: Group, log: TurnLog | None) -> Opening | None:
        """Where the first turns come from, if they come from a tree of tokens."""
        if not spec.lookahead or not isinstance(self._lookahead, TokenOptions):
            return None

        def note(record: dict[str, Any]) -> None:
            group.notes[LOOKAHEAD] = record
            if log is not None:
                log.note(LOOKAHEAD, record)

        return Opening(self.agent, self._lookahead, spec.lookahead, spec.seed, note)

    async def _search(self, spec: RolloutSpec, group: Group, places: Places) -> list[Turn]:
        """Play rollouts as a tree of turns. A failure ends all of them, and they begin anew."""
        assert isinstance(self._lookahead, TurnOptions)
        idle = self._idle.setdefault(spec.task.env_id, [])
        cause = ""
        async with places.several(spec.lookahead):
            for retry in range(self.limits.retries + 1):
                if retry:
                    await asyncio.sleep(PAUSE_S * 2 ** (retry - 1))
                self.attempts += spec.lookahead
                self._playing += spec.lookahead
                self._most = max(self._most, self._playing)
                search = TurnSearch(self.agent, spec.task, self.limits, self._lookahead, spec.lookahead, spec.seed)
                env = idle.pop() if idle else self._make_env(spec.task.env_id)
                try:
                    turns, group.notes[LOOKAHEAD] = await search.play(env)
                except InfraError as error:
                    env.close()  # its state is unknown
                    self.discarded += search.sampled
                    cause = str(error)
                    for _ in range(spec.lookahead):
                        self._count_failure(error)
                else:
                    idle.append(env)
                    return turns
                finally:
                    self._playing -= spec.lookahead
        return [failed_turn((), None, cause) for _ in range(spec.lookahead)]

    async def _rollout(
        self, spec: RolloutSpec, index: int, places: Places, log: TurnLog | None, opening: Opening | None
    ) -> list[Turn]:
        rollout = Rollout(index, log)
        if index >= spec.lookahead:
            opening = None
        asked = time.perf_counter()
        async with places:
            queued_s = time.perf_counter() - asked
            for retry in range(self.limits.retries + 1):
                if retry:
                    await asyncio.sleep(PAUSE_S * 2 ** (retry - 1))
                if rollout.over and (rollout.rewarded or self._after_rollout is None):
                    break
                failure = await self._attempt(spec, index, rollout, opening, queued_s)
                queued_s = 0.0  # it keeps its place
                if failure is None:
                    break
                if not rollout.over or retry == self.limits.retries:
                    rollout.fail(failure)
                if isinstance(failure, ReplayError):
                    self.discarded += rollout.restart()
        return rollout.turns

    async def _attempt(
        self, spec: RolloutSpec, index: int, rollout: Rollout, opening: Opening | None, queued_s: float
    ) -> InfraError | None:
        """Play the rest of an episode and reward it; returns what ended that before its time."""
        self.attempts += 1
        self._playing += 1
        self._most = max(self._most, self._playing)
        begins = opening is not None and not rollout.episode
        session = opening.sessions[index] if opening is not None and begins else f"episode {next(_serial)}"
        try:
            if not rollout.over:
                await self._play(spec, index, rollout, session, opening, queued_s)
            if self._after_rollout is not None:
                async with deadline(self.limits.turn_seconds):
                    await self._after_rollout(self.agent, spec.task, rollout.episode, session)
                rollout.reward()
        except InfraError as error:
            self._count_failure(error)
            return error
        finally:
            self._playing -= 1
            self.agent.engine.release(session)
        return None

    async def _play(
        self, spec: RolloutSpec, index: int, rollout: Rollout, session: str, opening: Opening | None, queued_s: float
    ) -> None:
        idle = self._idle.setdefault(spec.task.env_id, [])
        env = idle.pop() if idle else self._make_env(spec.task.env_id)
        monitor = self._monitor(spec.task) if self._monitor is not None else None
        agent = self.agent.greedy() if spec.greedy_first and index == 0 else self.agent
        seed = spec.seed * 65_537 + index
        try:
            await play_episode(
                env,
                agent,
                spec.task,
                seed,
                self.limits,
                session,
                rollout.episode,
                rollout.add,
                monitor,
                opening=None if opening is None else partial(opening.turn, index),
                queued_s=queued_s,
            )
        except InfraError:
            env.close()  # its state is unknown
            raise
        idle.append(env)

    def _count_failure(self, error: InfraError) -> None:
        """Stop the run if too many of the latest attempts failed.

        They are so many that one incident may end all that plays as often as it may be taken up again, and no more: in
        an outage that lasts the run stops before it goes on without its rollouts, however long all went well.
        """
        self.failures += 1
        self._failed.append(self.attempts)
        latest = min(self.attempts, round(self._most * max(self.limits.retries, 1) / self.limits.failure_rate))
        while self._failed[0] <= self.attempts - latest:
            self._failed.popleft()
        failed = min(len(self._failed), latest)  # several may have failed since the last one began
        if self.attempts >= self.limits.failure_grace and failed > self.limits.failure_rate * latest:
            raise RunStoppedError(
                f"{failed} of the latest {latest} episodes ended in an infrastructure error, more than the share of "
                f"{self.limits.failure_rate:.0%} allowed; the last: {error}"
            ) from error
