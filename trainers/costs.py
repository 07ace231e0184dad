"""What a run cost in tokens, money and seconds: by phase, and by who acted.

Every turn of RL and of measurements is in the run folder with its cost, so all of it can be added up afterwards, and
priced anew. What was spent beside the turns (judges, and tokens that reached none) is in the metrics.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentrl.agents.loop import LOOKAHEAD
from agentrl.config import Price
from agentrl.trainers.runs import PURPOSES, Run
from agentrl.types import Group, Turn

POLICY = "policy"
"""Who acts where nobody else does for it, and who chooses where somebody does."""
PHASES = {"step": "RL", "valid": "validation", "test": "test"}
BOUNDARIES = "routing.jsonl"
JUDGE = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "money", "seconds", "unmetered")


@dataclass(slots=True)
class Spent:
    """Sums over turns."""

    turns: int = 0
    prompt_tokens: float = 0
    cached_tokens: float = 0
    """Of `prompt_tokens`, those that the episode had before."""
    completion_tokens: float = 0
    money: float | None = None
    """Dollars; None where nothing has a price."""
    engine_s: float = 0.0
    environment_s: float = 0.0
    judge_s: float = 0.0

    def add(self, **more: float) -> None:
        for name, value in more.items():
            setattr(self, name, (getattr(self, name) or 0) + value)


@dataclass(slots=True)
class Phase:
    """What one part of a run was spent on."""

    episodes: int = 0
    """Those lost to infrastructure errors excepted; what they cost counts."""
    solved: int = 0
    actors: dict[str, Spent] = field(default_factory=lambda: {POLICY: Spent()})

    def count(self, group: Group, price: Price, paid: Price) -> None:
        """Add a group; a turn that several rollouts share counts once.

        Args:
            price: of the policy's tokens.
            paid: the same at the time of the run: so much of a turn's money is not for who acted in its place.
        """
        paths = group.rollouts()
        self.episodes += len(paths)
        self.solved += sum(group.turns[path[-1]].outcome.solved for path in paths)
        for turn in group.turns:
            if turn.outcome.status != "infra_error":
                self._count(turn, price, paid)
        if beside := tokens_beside(group):
            self.actors[POLICY].add(completion_tokens=beside)
            if price.given:
                self.actors[POLICY].add(money=price.money({"completion_tokens": beside}))

    def _count(self, turn: Turn, price: Price, paid: Price) -> None:
        cost, timing = turn.cost, turn.timing
        executor_s = cost.get("executor_seconds", 0.0)
        policy = self.actors[POLICY]
        policy.add(
            turns=1,
            **{name: cost.get(name, 0) for name in ("prompt_tokens", "cached_tokens", "completion_tokens")},
            engine_s=timing.get("engine", 0.0),
            environment_s=timing.get("environment", 0.0) - executor_s,
            judge_s=timing.get("monitor", 0.0),
        )
        if price.given:
            policy.add(money=price.money(cost))
        if turn.actor:
            executor = self.actors.setdefault(turn.actor, Spent())
            executor.add(
                turns=1,
                prompt_tokens=cost.get("executor_prompt_tokens", 0),
                completion_tokens=cost.get("executor_completion_tokens", 0),
                engine_s=executor_s,
            )
            if "money" in cost:
                executor.add(money=executor_money(turn, paid))

    def total(self) -> Spent:
        """Of all actors; a turn in which somebody acted for the policy is one turn."""
        sums = Spent()
        for spent in self.actors.values():
            sums.add(**{name: value for name, value in dataclasses.asdict(spent).items() if value is not None})
        sums.turns = self.actors[POLICY].turns
        return sums

    def to_json(self) -> dict[str, Any]:
        total = self.total()
        costs = {
            "tokens": total.prompt_tokens + total.completion_tokens,
            "money": total.money,
            "seconds": total.engine_s + total.environment_s + total.judge_s,
        }

        def share(count: int) -> dict[str, float | None] | None:
            return {name: None if c is None else c / count for name, c in costs.items()} if count else None

        actors = {name: dataclasses.asdict(spent) for name, spent in self.actors.items()}
        return {
            "episodes": self.episodes,
            "solved": self.solved,
            **dataclasses.asdict(total),
            "actors": actors if len(actors) > 1 else {},
            "per_episode": share(self.episodes),
            "per_solved": share(self.solved),
        }


def executor_money(turn: Turn, paid: Price) -> float:
    """What who acted in place of the policy cost in a turn, in dollars: all but the policy's own tokens."""
    return turn.cost.get("money", 0.0) - paid.money(turn.cost)


def tokens_beside(group: Group) -> int:
    """Action tokens that a lookahead tree sampled and no turn has; below 0 where turns repeat what was sampled once."""
    tree: Mapping[str, Any] | None = group.notes.get(LOOKAHEAD)
    if tree is None:
        return 0
    return int(tree["wasted"] if tree["level"] == "turn" else tree["tokens"] - tree["returned"])


def cost_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """`prompt_tokens` and, of them, `cached_tokens` of the policy, and `money` (dollars) where there is a price."""
    turns = [turn for group in groups for turn in group.turns]
    sums = {name: float(sum(t.cost.get(name, 0) for t in turns)) for name in ("prompt_tokens", "cached_tokens")}
    money = [turn.cost["money"] for turn in turns if "money" in turn.cost]
    return sums | ({"money": sum(money)} if money else {})


def judge_metrics(parts: Iterable[Mapping[str, float]], price: Price) -> dict[str, float]:
    """`judge/…` of what the `Meter` of each process counted, with `judge/money` (dollars) where there is a price;
    nothing where nobody was asked.
    """
    sums: dict[str, float] = defaultdict(float)
    for part in parts:
        for name, value in part.items():
            sums[name] += value
    if sums and price.given:
        sums["money"] = price.money(sums)
    return {f"judge/{name}": value for name, value in sums.items()}


def price_of(run: Run) -> Price:
    """Of the policy's tokens, by the run's configuration; those of runs from before there were prices are free."""
    return Price.model_validate(run.config().get("engine", {}).get("price", {}))


def run_costs(run: Run, price: Price | None = None) -> dict[str, Any]:
    """What a run has cost so far, as JSON values.

    Args:
        run: finished, running or killed.
        price: of the policy's tokens; None for that of the run's configuration.

    Returns:
        `phases` (name → the numbers of `Spent` over all actors, with `episodes`, `solved`, those of each of the
        `actors` where there are several, and `tokens`, `money` and `seconds` of `per_episode` and `per_solved`),
        `trained_tokens` by phase, `judge` (None where no language model judged), `money` of all together, and what is
        `missing`, in words.

    Raises:
        CorruptFileError: metrics or rollouts cannot be read.
    """
    paid = price_of(run)
    price, rows = price or paid, run.metrics()
    phases: dict[str, Phase] = {}
    for purpose in PURPOSES:
        for step in run.rollout_steps(purpose):
            phase = phases.setdefault(PHASES[purpose], Phase())
            for group, _ in run.rollouts(step, purpose):
                phase.count(group, price, paid)
    judge = {name: sum(values) for name in JUDGE if (values := _values(rows, f"judge/{name}"))}
    money = [m for m in (*(phase.total().money for phase in phases.values()), judge.get("money")) if m is not None]
    warm = _values(rows, "warm_start/trained_tokens")
    return {
        "run": str(run.path),
        "price": price.model_dump() if price.given else None,
        "phases": {name: phase.to_json() for name, phase in phases.items()},
        "trained_tokens": {"warm start": warm[-1] if warm else None, "RL": sum(_values(rows, "rl/tokens"))},
        "judge": judge or None,
        "money": sum(money) if money else None,
        "missing": _missing(run, rows, judge, priced=bool(money)),
    }


def _missing(run: Run, rows: Sequence[Mapping[str, Any]], judge: Mapping[str, float], *, priced: bool) -> list[str]:
    """What the numbers do not hold."""
    gaps = [] if priced else ["money: the run has no price (engine.price); give one with --price-in and --price-out"]
    if (run.path / BOUNDARIES).exists():
        gaps.append(f"boundaries: what executors spent before training; {BOUNDARIES} has the means of each task")
    if _values(rows, "warm_start/tokens") and not _values(rows, "warm_start/trained_tokens"):
        gaps.append("tokens of the warm start: the run is older than their count")
    for purpose, metric in zip(PURPOSES, ("rl", "valid", "test"), strict=True):
        measured = {row["step"] for row in rows if f"{metric}/episodes" in row}
        if lost := measured.difference(run.rollout_steps(purpose)):
            gaps.append(f"{PHASES[purpose]}: the turns of {len(lost)} of {len(measured)} are not in the run folder")
    if discarded := sum(_values(rows, "engine/discarded")):
        gaps.append(f"RL: {discarded:.0f} sampled tokens that are in no turn, since it could not be completed")
    if any(_values(rows, "time/scoring_share")):
        gaps.append("tokens that the engine scored for information gain; their time is time/scoring_share")
    if judge.get("unmetered"):
        gaps.append(f"judge: {judge['unmetered']:.0f} of {judge['requests']:.0f} replies did not tell their tokens")
    return gaps


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [row[name] for row in rows if row.get(name) is not None]
