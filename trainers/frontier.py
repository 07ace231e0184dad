"""What routers reach for their money: success against cost, of rules and of trained routers, and under hard budgets."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentrl.agents.loop import RolloutSpec
from agentrl.agents.routing.boundaries import money
from agentrl.agents.routing.play import lost, play_routers
from agentrl.agents.routing.routers import Always, FirstK, Mix, Router, Threshold
from agentrl.config import Config
from agentrl.errors import ConfigError
from agentrl.trainers.demos import make_env
from agentrl.trainers.evaluate import EVAL_SEED, fixed_tasks
from agentrl.trainers.prepare import load_policy
from agentrl.trainers.rollout import agent_loop, embedded_engine, limits_of
from agentrl.trainers.routing import Routing, routing
from agentrl.types import Task, Turn

ENDS = "always"
"""Family of the two boundary policies, which every other family may use, too."""
SHARES = (0.1, 0.2, 0.35, 0.5, 0.75)
"""Of the dearest executor, in the random mixes."""
FIRST = (1, 2, 4, 8)
"""Turns of the dearest executor, then the cheapest."""
BOUNDS = (-0.4, -0.2, -0.1, -0.05, -0.02)
"""On the mean log-prob of the cheapest executor's draft."""
BUDGETS = (0.25, 0.5, 0.75)
"""Of what the dearest executor alone costs on average."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A router to be measured."""

    family: str
    setting: str
    router: Router | Path
    """A rule, or the folder of a trained router."""
    budget: float = 0.0
    """Dollars of an episode; 0 for no bound."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a router reached."""

    family: str
    setting: str
    budget: float
    success: float
    money: float
    """Dollars of an episode, on average …"""
    most: float
    """… and at most."""
    dear: float
    """Share of turns in which the dearest executor acted."""
    episodes: int


def sweep(
    config: Config,
    trained: Mapping[str, Mapping[str, Path]],
    *,
    split: str,
    games: int,
    run: Callable[..., Iterable[Point]] = map,
) -> dict[str, Any]:
    """Play tasks with rules and trained routers, without budgets and with them.

    Args:
        config: of a run with executors; its `routing.budget` is not looked at.
        trained: family → setting → folder of the router's model.
        run: `map`, or that of a pool of processes.

    Returns:
        `split`, `games`, `points` (see `Point`), `areas` (family → see `area`, between the costs of the two ends), and
        `budgets`: for each of `BUDGETS` its `share`, its `dollars` and the `points` of some routers.

    Raises:
        ConfigError: the run has no executors.
    """
    if not config.routing.executors:
        raise ConfigError("the run trains no router: it has no routing.executors")
    cheap, *_, dear = config.routing.executors
    ends = [Trial(ENDS, name, Always(name)) for name in (cheap, dear)]
    routers = [Trial(family, s, path) for family, settings in trained.items() for s, path in settings.items()]
    rules = [
        *(Trial("random mix", f"{share:g}", Mix(share)) for share in SHARES),
        *(Trial("first k", str(k), FirstK(k)) for k in FIRST),
    ]
    if not config.routing.executors[cheap].url:  # servers tell no log-probs
        rules += [Trial("threshold", f"{bound:g}", Threshold(bound)) for bound in BOUNDS]
    trials = [*ends, *rules, *routers]
    points = list(run(_Play(config, split, games), trials))
    small, large = points[:2]
    budgets = [share * large.money for share in BUDGETS]
    capped = [
        dataclasses.replace(trial, budget=dollars)
        for dollars in budgets
        for trial in (*ends, Trial("random mix", "0.5", Mix(0.5)), Trial("first k", "4", FirstK(4)), *routers)
    ]
    under = list(run(_Play(config, split, games), capped))
    families = dict.fromkeys(p.family for p in points)
    return {
        "split": split,
        "games": games,
        "points": [dataclasses.asdict(p) for p in points],
        "areas": {
            family: area([small, large, *(p for p in points if p.family == family)], small.money, large.money)
            for family in families
        },
        "budgets": [
            {
                "share": share,
                "dollars": dollars,
                "points": [dataclasses.asdict(p) for p in under if p.budget == dollars],
            }
            for share, dollars in zip(BUDGETS, budgets, strict=True)
        ],
    }


def hull(points: Iterable[Point]) -> list[tuple[float, float]]:
    """The frontier of some routers: dollars and success, both ascending, of the upper convex hull.

    What lies between two of its corners is reached, on average, by choosing one of the two at random in each episode.
    """
    corners: list[tuple[float, float]] = []
    for x, y in sorted({(p.money, p.success) for p in points}):
        if corners and y <= corners[-1][1]:
            continue  # costs more and reaches no more
        if corners and x == corners[-1][0]:
            corners.pop()
        while len(corners) > 1 and _bends_up(corners[-2], corners[-1], (x, y)):
            corners.pop()
        corners.append((x, y))
    return corners


def area(points: Iterable[Point], low: float, high: float) -> float:
    """Mean success along the frontier, over costs from `low` to `high` dollars; 0 below its first corner."""
    low, high = sorted((low, high))
    xs, ys = map(np.asarray, zip(*hull(points), strict=True))
    if high <= low:
        return float(np.interp(low, xs, ys, left=0.0))
    grid = np.unique(np.concatenate([[low, high], xs[(xs > low) & (xs < high)]]))
    return float(np.trapezoid(np.interp(grid, xs, ys, left=0.0), grid) / (high - low))


def _bends_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or below the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


@dataclass(frozen=True, slots=True)
class _Play:
    """Measures trials; processes can hand it to each other."""

    config: Config
    split: str
    games: int

    def __call__(self, trial: Trial) -> Point:
        players = routing(self.config)
        assert players is not None
        players.budget = trial.budget
        env = players.wrap(make_env(self.config.env))
        tasks = fixed_tasks(env, self.config.env.id, self.split, self.games)
        play = self._trained if isinstance(trial.router, Path) else self._by_rule
        try:
            episodes = [turns for turns in play(trial, players, tasks) if not lost(turns)]
        finally:
            players.close()
        return _point(trial, env.names[-1], episodes)

    def _by_rule(self, trial: Trial, players: Routing, tasks: Sequence[Task]) -> list[list[Turn]]:
        router = trial.router
        assert not isinstance(router, Path)
        episodes = [(task, router) for task in tasks]
        return asyncio.run(
            play_routers(lambda: players.wrap(make_env(self.config.env)), episodes, limits_of(self.config))
        )

    def _trained(self, trial: Trial, players: Routing, tasks: Sequence[Task]) -> list[list[Turn]]:
        config = self.config
        assert isinstance(trial.router, Path)
        policy = load_policy(trial.router, config)
        engine = embedded_engine(config, policy.model)
        loop = agent_loop(config, engine, policy.renderer, config.eval.temperature, routing=players)
        specs = [RolloutSpec(task, 1, EVAL_SEED + i) for i, task in enumerate(tasks)]
        groups = asyncio.run(loop.collect(specs))
        loop.close()
        return [[group.turns[i] for i in path] for group in groups for path in group.rollouts()]


def _point(trial: Trial, dear: str, episodes: Sequence[Sequence[Turn]]) -> Point:
    turns = [turn for episode in episodes for turn in episode]
    costs = [money(episode) for episode in episodes]
    return Point(
        trial.family,
        trial.setting,
        trial.budget,
        success=float(np.mean([episode[-1].outcome.solved for episode in episodes])),
        money=float(np.mean(costs)),
        most=max(costs),
        dear=float(np.mean([turn.actor == dear for turn in turns])),
        episodes=len(episodes),
    )
