"""Rewards that compare the rollouts of a group: hooks of the agent loop for groups that have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentrl.agents.arena.rewards import Ties, quantile_rewards
from agentrl.agents.arena.topologies import hold
from agentrl.agents.judges.pairs import PairJudge, ScoreJudge
from agentrl.errors import InfraError
from agentrl.types import Group, Turn

ARENA = "arena"
"""The reward channel of a tournament's ranks."""
POINTWISE = "pointwise"
"""The reward channel of scores that rollouts get one by one."""
TOURNAMENT = "tournament"
"""Under which the tournament of a group is in its notes."""


@dataclass(frozen=True, slots=True)
class Arena:
    """Ranks the rollouts of a group by a tournament, and gives the last turn of each the channel `arena`.

    An `AfterGroup` of the agent loop. Every pair is judged in both orders of presentation, and the scores are added;
    player 0 is the first rollout that was not lost. The notes of the group get the record of the tournament, and
    beside it `leaves` (the last turn of each player), `rewards`, `judge_agreement` (share of comparisons of which both
    orders have the same winner, or none) and `position_bias` (mean of what came first minus what came second).
    """

    judge: PairJudge
    topology: str = "single_elimination"
    ties: Ties = "average"

    async def __call__(self, group: Group, seed: int) -> dict[int, str]:
        paths = group.rollouts()
        if len(paths) < 2:
            return {}
        played = [[group.turns[i] for i in path] for path in paths]
        agreed, biases, causes = list[bool](), list[float](), dict[int, str]()

        async def compare(i: int, j: int) -> tuple[float, float]:
            try:
                (i_first, j_second), (j_first, i_second) = await asyncio.gather(
                    self.judge.scores(group.task, played[i], played[j]),
                    self.judge.scores(group.task, played[j], played[i]),
                )
            except InfraError as error:
                causes[i] = causes[j] = str(error)
                raise
            agreed.append(_sign(i_first - j_second) == _sign(i_second - j_first))
            biases.append((i_first - j_second + j_first - i_second) / 2)
            return i_first + i_second, j_second + j_first

        held = await hold(self.topology, len(paths), compare, seed)
        if not held.comparisons:
            raise InfraError(f"no two rollouts of task {group.task.task_id} could be compared: {causes[0]}")
        rewards = quantile_rewards(held.ranks, self.ties)
        _reward(played, ARENA, rewards)
        group.notes[TOURNAMENT] = held.to_json() | {
            "leaves": [path[-1] for path in paths],
            "rewards": rewards,
            "judge_agreement": sum(agreed) / len(agreed),
            "position_bias": sum(biases) / len(biases),
        }
        return {path[-1]: causes[i] for i, path in enumerate(paths) if rewards[i] is None}


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Scores each rollout by itself, and gives its last turn the channel `pointwise`: the baseline of tournaments.

    An `AfterGroup` of the agent loop.
    """

    judge: ScoreJudge

    async def __call__(self, group: Group, seed: int) -> dict[int, str]:
        played = [[group.turns[i] for i in path] for path in group.rollouts()]
        _reward(played, POINTWISE, await asyncio.gather(*(self.judge.score(group.task, turns) for turns in played)))
        return {}


def _reward(played: Sequence[Sequence[Turn]], channel: str, rewards: Sequence[float | None]) -> None:
    for turns, reward in zip(played, rewards, strict=True):
        if reward is not None:
            turns[-1].rewards[channel] = reward


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)


def tournament_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Means over the groups of a step that held a tournament; nothing where none did.

    `tournament/comparisons` and `tournament/failed` are pairs, `tournament/unranked` rollouts, and
    `tournament/judge_agreement` and `tournament/position_bias` as in the notes of `Arena`.
    """
    notes = [group.notes[TOURNAMENT] for group in groups if TOURNAMENT in group.notes]
    if not notes:
        return {}
    rows: list[Mapping[str, float]] = [{**note, "unranked": note["ranks"].count(None)} for note in notes]
    names = ("comparisons", "failed", "unranked", "judge_agreement", "position_bias")
    return {f"tournament/{name}": sum(row[name] for row in rows) / len(rows) for name in names}
