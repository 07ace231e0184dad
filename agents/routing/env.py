"""The environment of a router: executors that act in the real environment, one of them in each turn."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import gymnasium as gym

from agentrl.agents.routing.boundaries import COST, HARD, Boundary
from agentrl.agents.routing.budget import admit, affordable
from agentrl.agents.routing.executors import Draft, Executor, Talk
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.types import Outcome


@dataclass(slots=True)
class _State:
    """Of one episode."""

    task_id: str
    talks: list[Talk]
    trail: Any
    """Hash of all that came to pass, which seeds what comes next."""
    turn: int = 0
    spent: float = 0.0
    """Dollars, those for drafts of this turn included …"""
    settled: float = 0.0
    """… and those before this turn."""
    drafts: dict[int, Draft] = field(default_factory=dict)
    """Of this turn, by executor."""

    def fork(self) -> _State:
        return replace(
            self, talks=[talk.fork() for talk in self.talks], trail=self.trail.copy(), drafts=dict(self.drafts)
        )

    def close(self) -> None:
        for talk in self.talks:
            talk.close()


class RoutedEpisode(Episode):
    """An environment whose actions are names of executors.

    The router sees the task's first observation, then who did what and what came of it, and, unless that is kept from
    it, how much of a hard budget is left. A name that the budget does not allow stands for the dearest executor before
    it that is; where there is none, the episode is truncated("budget"). What is no name is an invalid action, and the
    cheapest acts.

    Executors draw their random numbers from the task, the seed of `reset` and all that came to pass: a replay shows the
    same again, and rollouts of a group differ by what the router chose alone. That needs engines whose samples do not
    depend on what else they serve; where one does, a replay that comes out differently begins the episode anew.

    Beyond the channels of the environment there are, where the boundary of the task is known, `cost` (what the turn
    adds to −C_norm, see `Boundary.excess`) and `hard` (1 when a hard task is solved). `info` has `actor`, `cost`, and
    as `admissible_commands` the names that the budget allows.

    Args:
        env: the real environment.
        executors: cheapest first.
        budget: dollars of an episode that are never exceeded; 0 for no bound.
        tell_budget: whether the router reads how much of it is left.
        boundaries: by task.
    """

    def __init__(
        self,
        env: Episode,
        executors: Sequence[Executor],
        *,
        budget: float = 0.0,
        tell_budget: bool = True,
        boundaries: Mapping[str, Boundary] | None = None,
    ) -> None:
        super().__init__(env)
        self.names = tuple(executor.name for executor in executors)
        self._inner = env
        self._executors, self._budget, self._tell_budget = executors, budget or math.inf, tell_budget
        self._boundaries = boundaries if boundaries is not None else {}
        self._state: _State | None = None

    # -- as any environment of the contract --------------------------------------------------------------------

    @property
    def channels(self) -> tuple[str, ...]:
        return (*self._inner.channels, HARD, COST)

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """That of the environment, and `anchors` where the boundary is known: the rewards of its two ends."""
        boundary = self._boundaries.get(task_id)
        return {**self._inner.reference(task_id), **({"anchors": boundary.anchors()} if boundary else {})}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        return self._begin(seed, *self._inner.reset(seed=seed, options=options))

    async def reset_async(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        return self._begin(seed, *await self._inner.reset_async(seed=seed, options=options))

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        raise ConfigError("executors act in an event loop: await step_async, as the agent loop does")

    async def step_async(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        state, name = self._playing(), action.strip()
        wanted = self.names.index(name) if name in self.names else 0
        actor = admit(wanted, self._allowed())
        if actor is None:
            return self._ended(state)
        draft = await self._draft(actor)
        feedback, reward, terminated, truncated, info = await self._inner.step_async(draft.action)
        for i, talk in enumerate(state.talks):
            talk.hear(draft.action, feedback, own=i == actor)
        state.trail.update(f"{actor}\0{draft.action}\0{feedback}\0".encode())
        usages = [draft.usage for draft in state.drafts.values()]
        state.drafts, state.turn = {}, state.turn + 1
        outcome: Outcome = info["outcome"]
        if outcome.status == "invalid_action":  # the executor's, not the router's
            outcome = Outcome.running()
        if not outcome.done and not any(self._allowed()):
            fits = any(talk.worst() is not None for talk in state.talks)
            outcome, truncated = Outcome.truncated("budget" if fits else "context"), True
        if not outcome.done and name not in self.names:
            outcome = Outcome.invalid_action(f"say one of {', '.join(self.names)}")
        text = self._shown(f"{self.names[actor]}> {draft.action}\n{feedback}", done=outcome.done)
        info = {
            **info,
            "outcome": outcome,
            "rewards": {**info["rewards"], **self._rewards(state, outcome)},
            "actor": self.names[actor],
            "cost": {
                "money": sum(u.money for u in usages),
                "executor_prompt_tokens": sum(u.prompt_tokens for u in usages),
                "executor_completion_tokens": sum(u.completion_tokens for u in usages),
                "executor_seconds": sum(u.seconds for u in usages),
            },
            "admissible_commands": [] if outcome.done else self._names_allowed(),
        }
        if outcome.done:
            self._end()
        return text, reward, terminated, truncated, info

    def snapshot(self) -> Any:
        return self._inner.snapshot(), None if self._state is None else self._state.fork()

    def restore(self, snapshot: Any) -> None:
        inner, state = snapshot
        self._inner.restore(inner)
        self._end()
        self._state = None if state is None else state.fork()

    def fork(self) -> Self:
        twin = copy.copy(self)
        twin.env = twin._inner = self._inner.fork()
        twin._state = None if self._state is None else self._state.fork()
        return twin

    def close(self) -> None:
        self._end()
        super().close()

    # -- for rules that look closer ----------------------------------------------------------------------------

    async def draft(self, name: str) -> Draft | None:
        """What an executor would do now. It is paid for whoever acts then, and done if that executor is chosen.

        Returns:
            None where the budget does not allow it.
        """
        number = self.names.index(name)
        return await self._draft(number) if self._allowed()[number] else None

    # -- within ------------------------------------------------------------------------------------------------

    def _begin(self, seed: int | None, observation: str, info: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self._end()
        task_id = info["task_id"]
        trail = hashlib.blake2b(f"{task_id}\0{seed or 0}\0".encode(), digest_size=5)
        talks = [executor.begin(observation) for executor in self._executors]
        self._state = _State(task_id, talks, trail)
        if talks and all(talk.worst() is None for talk in talks):
            raise ConfigError(f"the first observation of task {task_id} does not fit the context of any executor")
        return self._shown(observation, done=False), {**info, "admissible_commands": self._names_allowed()}

    def _playing(self) -> _State:
        if self._state is None:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
        return self._state

    def _allowed(self) -> list[bool]:
        """Who may act now. What was drafted in this turn is paid for."""
        state = self._playing()
        worst = [0.0 if i in state.drafts else talk.worst() for i, talk in enumerate(state.talks)]
        return affordable(worst, self._budget - state.spent)

    def _names_allowed(self) -> list[str]:
        return [name for name, allowed in zip(self.names, self._allowed(), strict=True) if allowed]

    async def _draft(self, number: int) -> Draft:
        state = self._playing()
        if number not in state.drafts:
            seed = int.from_bytes(state.trail.digest())
            draft = state.drafts[number] = await state.talks[number].draft(seed, state.turn)
            state.spent += draft.usage.money
        return state.drafts[number]

    def _shown(self, text: str, *, done: bool) -> str:
        """What the router reads: percents, for whom dollars are long numbers."""
        if done or math.isinf(self._budget) or not self._tell_budget:
            return text
        return f"{text}\nBudget left: {1 - self._playing().spent / self._budget:.0%}"

    def _rewards(self, state: _State, outcome: Outcome) -> dict[str, float]:
        """Those of the turn, which is settled by that."""
        before, state.settled = state.settled, state.spent
        boundary = self._boundaries.get(state.task_id)
        if boundary is None:
            return {}
        solved = outcome.solved and boundary.difficulty == HARD
        return {HARD: float(solved), COST: boundary.excess(before) - boundary.excess(state.spent)}

    def _ended(self, state: _State) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Not even the first turn can be paid."""
        self._end()
        info = {
            "task_id": state.task_id,
            "outcome": Outcome.truncated("budget"),
            "rewards": {},
            "admissible_commands": [],
        }
        return "The budget allows nobody to act.", 0.0, False, True, info

    def _end(self) -> None:
        """Let go of the episode, if there is one."""
        if self._state is not None:
            self._state.close()
            self._state = None
