"""Reproductions: a method and its baselines from the same warm start, at the same budget, over several seeds.

A reproduction is a TOML file in `reproductions/`: the claim, a recipe, the arms that are compared, each a list of
configuration overrides, and the metric. For each seed the warm start is run once, and every arm begins from its
checkpoint. What was finished is not run again, so an interrupted reproduction continues.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentrl.config import Config
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.files import atomic_write
from agentrl.trainers.checkpoint import checkpoints
from agentrl.trainers.loop import train
from agentrl.trainers.runs import CONFIG, Run

FOLDER = Path(__file__).parent / "reproductions"
RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What is compared."""

    name: str
    paper: str
    """arXiv id."""
    claim: str
    recipe: str
    """File name of the configuration that all arms share, in `recipes/`."""
    metric: str
    """Of the test split, before and after RL; more is better."""
    also: tuple[str, ...]
    """Further metrics: of the test split after RL, or means over the RL steps."""
    arms: dict[str, tuple[str, ...]]
    """Name → overrides `key=value`."""


def reproductions() -> list[str]:
    """Names of all reproductions."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Reproduction:
    """The reproduction of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in reproductions():
        raise UnknownNameError("reproduction", name, reproductions())
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    arms = {arm: tuple(overrides) for arm, overrides in data.pop("arms").items()}
    return Reproduction(name=name, also=tuple(data.pop("also")), arms=arms, **data)


def reproduce(
    what: Reproduction,
    folder: Path,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    arms: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run what is missing in `folder`, and sum up what is there.

    Args:
        overrides: for all arms, after their own.
        arms: which to run; all by default.
        tell: is told what begins.

    Returns:
        What `result.json` in `folder` then holds, too: `paper`, `claim`, `metric`, `seeds`, `overrides` and, per arm,
        `before` and `after` (the metric of each seed), `mean` and `spread` (standard deviation over seeds) of what is
        after, `curve` ([generated tokens, validation metric] pairs for each seed), and the means of `also`.

    Raises:
        UnknownNameError: there is no such arm.
        ConfigError: `folder` holds the results of other overrides.
    """
    chosen = list(arms) or list(what.arms)
    for arm in chosen:
        if arm not in what.arms:
            raise UnknownNameError(f"arm of {what.name}", arm, what.arms)
    path = folder / RESULT
    if path.exists() and (before := json.loads(path.read_text())["overrides"]) != list(overrides):
        raise ConfigError(f"{folder} holds the results of --set {before}; choose another folder with --out")
    recipe = Path(__file__).parent / "recipes" / f"{what.recipe}.toml"
    runs: dict[str, list[Run]] = {arm: [] for arm in chosen}
    for seed in seeds:
        here = folder / f"seed-{seed}"
        common = [f"seed={seed}", *overrides]
        tell(f"seed {seed}: warm start")
        start = _run(recipe, [*common, "rl.steps=0", "eval.test_games=0"], here / "start")
        model = checkpoints(start.path / "checkpoints")[-1]
        for arm in chosen:
            tell(f"seed {seed}: {arm}")
            own = [*what.arms[arm], *common, f"model.path={model}", "warm_start.demonstrations=0"]
            runs[arm].append(_run(recipe, own, here / arm))
    result: dict[str, Any] = {
        "paper": what.paper,
        "claim": what.claim,
        "metric": what.metric,
        "seeds": list(seeds),
        "overrides": list(overrides),
        "arms": {arm: _summary(what, of_arm) for arm, of_arm in runs.items()},
    }
    with atomic_write(path) as file:
        file.write(json.dumps(result, indent=2).encode() + b"\n")
    return result


def _run(recipe: Path, overrides: Sequence[str], path: Path) -> Run:
    """Carry out a run, or the rest of it."""
    if not (path / CONFIG).exists():
        train(Config.load(recipe, [*overrides, f"run.dir={path}"]))
    elif Run.open(path).summary() is None:
        train(Config.load(path / CONFIG), resume=path)
    return Run.open(path)


def _summary(what: Reproduction, runs: Sequence[Run]) -> dict[str, Any]:
    tests = [[row for row in run.metrics() if what.metric in row] for run in runs]
    after = [rows[-1][what.metric] for rows in tests]
    return {
        "before": [rows[0][what.metric] for rows in tests],
        "after": after,
        "mean": float(np.mean(after)),
        "spread": float(np.std(after, ddof=1)) if len(after) > 1 else 0.0,
        "curve": [_curve(what, run) for run in runs],
        "wall_s": [run.metrics()[-1]["seconds"] for run in runs],
        "also": {name: float(np.mean([_mean(run, name) for run in runs])) for name in what.also},
    }


def _curve(what: Reproduction, run: Run) -> list[tuple[float, float]]:
    """Action tokens generated in RL so far, and the metric on the validation split."""
    metric = what.metric.replace("test/", "valid/")
    points, tokens = [], 0.0
    for row in run.metrics():
        tokens += row.get("rl/generated_tokens", 0.0)
        if metric in row:
            points.append((tokens, row[metric]))
    return points


def _mean(run: Run, name: str) -> float:
    """A metric of the test split as it was measured last; any other as its mean over the run."""
    values = [row[name] for row in run.metrics() if row.get(name) is not None]
    if not values:
        return float("nan")
    return float(values[-1] if name.startswith("test/") else np.mean(values))
