"""Rollouts of one task as a tree of turns: branches on distinct actions, tried in forked environments.

The turns of all rows that were not pruned make one tree of turns, in which what they share is there once, and trained
once. Every turn was sampled by the policy, so its log-probs are what they are in any rollout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any

from agentrl.agents.episode import Limits, LLMAgent, Standing, deadline
from agentrl.agents.lookahead.engine import ForkingEngine
from agentrl.agents.lookahead.options import TurnOptions
from agentrl.agents.lookahead.turn_tree import Line, Tried, TurnTree
from agentrl.agents.together import together
from agentrl.envs.base import Episode
from agentrl.types import Task, Turn

SEEDS = 1 << 15
"""Seeds of a group's rollouts are below, those of its tree's actions from there on."""
_serial = count()


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where one row stands."""

    env: Episode
    standing: Standing
    session: str
    turns: tuple[Turn, ...]
    """From the first one on; rows share them."""


class TurnSearch:
    """Grows one tree.

    Args:
        agent: the policy; its engine shares what is cached among branches.
        task: what to play.
        limits: of turns and episodes.
        options: of the tree.
        width: k.
        seed: of the group.
    """

    def __init__(
        self, agent: LLMAgent, task: Task, limits: Limits, options: TurnOptions, width: int, seed: int
    ) -> None:
        assert isinstance(agent.engine, ForkingEngine)
        self._forking: ForkingEngine = agent.engine
        self._agent, self._task, self._limits, self._options = agent, task, limits, options
        self._seeds = count(seed * 65_537 + SEEDS)
        self._name, self._opened = f"search {next(_serial)}", 0
        self._forks: list[Episode] = []
        self._tree = TurnTree(width, options)
        self._spots: dict[Line, _Spot] = {}
        self.sampled = 0
        """Action tokens so far."""

    async def play(self, env: Episode) -> tuple[list[Turn], dict[str, Any]]:
        """Play to the end of every row.

        Args:
            env: takes part in it, and stays the caller's.

        Returns:
            The turns, parents first, and a record of the tree for reports: that of `TokenTree`, whose lengths count
            turns here, with the first `action` of each branch, and `merged`, the actions that were sampled again.

        Raises:
            InfraError: engine or environment failed, or took too long; all rows are lost.
            ConfigError: the first prompt does not fit the context.
        """
        try:
            async with deadline(self._limits.turn_seconds):
                observation, _ = await env.reset_async(seed=self._task.seed, options={"task": self._task.task_id})
            standing = Standing.at(self._agent.renderer, (), observation)
            standing.check_room(self._agent, self._limits, self._task)
            self._spots[self._tree.lines[0]] = _Spot(env, standing, self._session(), ())
            while live := self._tree.live:
                seeds = [[next(self._seeds) for _ in range(draws)] for draws in self._tree.draws()]
                spots = [self._spots[line] for line in live]
                moved = await together(self._move(spot, s) for spot, s in zip(spots, seeds, strict=True))
                owners = self._tree.step([[self._tried(spot) for spot in row] for row in moved])
                for lines, row in zip(owners, moved, strict=True):
                    self._spots.update(zip(lines, row, strict=True))
            return self._turns(), self._record()
        finally:
            for number in range(self._opened):
                self._forking.release(f"{self._name}/{number}")
            for fork in self._forks:
                fork.close()

    async def _move(self, spot: _Spot, seeds: Sequence[int]) -> list[_Spot]:
        """Sample an action with each seed; returns where every distinct one leads, the row's own first."""
        begun = perf_counter()
        standing, agent = spot.standing, self._agent
        sessions = [spot.session, *(self._session() for _ in seeds[1:])]
        if standing.number:
            for session in sessions[1:]:
                self._forking.fork(spot.session, session)
        async with deadline(self._limits.turn_seconds):
            completions = await together(
                agent.engine.generate(standing.whole(), agent.turn_params(seed, standing.number), session)
                for seed, session in zip(seeds, sessions, strict=True)
            )
            self.sampled += sum(len(c.token_ids) for c in completions)
            actions = [agent.renderer.parse(c.token_ids) for c in completions]
            chosen = self._tree.choose(actions)
            answered = perf_counter()
            envs = [spot.env, *[await spot.env.fork_async() for _ in chosen[1:]]]
            self._forks += envs[1:]
            answers = await together(env.step_async(actions[i]) for env, i in zip(envs, chosen, strict=True))
        now = perf_counter()
        moved = []
        for env, i, (feedback, _, _, _, info) in zip(envs, chosen, answers, strict=True):
            turn, after = standing.after(completions[i], actions[i], feedback, info, agent, self._limits)
            turn.seconds = now - begun
            queue_s = completions[i].queue_s
            turn.timing = {"queue": queue_s, "engine": answered - begun - queue_s, "environment": now - answered}
            moved.append(_Spot(env, after, sessions[i], (*spot.turns, turn)))
        for i in set(range(len(sessions))).difference(chosen):
            self._forking.release(sessions[i])
        return moved

    def _session(self) -> str:
        self._opened += 1
        return f"{self._name}/{self._opened - 1}"

    def _tried(self, spot: _Spot) -> Tried:
        last = spot.turns[-1]
        return Tried(last.state_hash if self._options.compare == "state" else last.feedback, last.outcome.done)

    def _turns(self) -> list[Turn]:
        """Those of all rows that were not pruned, what they share once."""
        turns: list[Turn] = []
        places: dict[int, int] = {}
        for line in self._tree.rows:
            parent = None
            for turn in self._spots[line].turns:
                if id(turn) not in places:
                    turn.parent = parent
                    places[id(turn)] = len(turns)
                    turns.append(turn)
                parent = places[id(turn)]
        return turns

    def _record(self) -> dict[str, Any]:
        lengths = {
            line: [len(turn.action_ids) for turn in self._spots[line].turns[: len(line.shown)]]
            for line in self._tree.lines
        }
        rows, lines = self._tree.rows, self._tree.lines
        return {
            "level": "turn",
            "width": self._tree.width,
            "steps": max(len(line.shown) for line in lines),
            "branched": len(lines) - 1,
            "pruned": len(lines) - len(rows),
            "leaves": len(rows),
            "merged": self._tree.merged,
            "tokens": self.sampled,
            "wasted": self.sampled - sum(len(turn.action_ids) for turn in self._turns()),
            "returned": sum(sum(lengths[line]) for line in rows),
            "branches": [
                {
                    "number": line.number,
                    "parent": None if line.parent is None else line.parent.number,
                    "born": line.born,
                    "length": len(line.shown),
                    "fate": "pruned" if line.fate == "pruned" else "leaf",
                    "action": None if line.parent is None else self._spots[line].turns[line.born].action,
                }
                for line in lines
            ],
        }
