"""Reproductions: a method and its baselines from the same warm start, at the same budget, over several seeds.

A reproduction is a TOML file in `reproductions/`: the claim, a recipe, the arms that are compared, each a list of
configuration overrides, and the metric. The warm start is run once, as one model is the start of all runs in a paper,
and every arm and seed begins from its checkpoint. What was finished is not run again, so an interrupted reproduction
continues.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import threading
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agentrl.config import Config
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.files import atomic_write
from agentrl.trainers.checkpoint import checkpoints
from agentrl.trainers.loop import train
from agentrl.trainers.runs import CONFIG, Run

FOLDER = Path(__file__).parent / "reproductions"
RESULT = "result.json"
_ENDS = 0.2
"""Share of the RL steps that are its beginning, or its end."""


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
    common: tuple[str, ...]
    """Overrides `key=value` of the recipe, for the warm start and all arms."""
    start: tuple[str, ...]
    """Further ones for the warm start alone."""
    also: tuple[str, ...]
    """Further metrics, whose change is shown: of the test split, or of RL steps."""
    arms: dict[str, tuple[str, ...]]
    """Name → further overrides."""


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
    common, start, also = (tuple(data.pop(key)) for key in ("common", "start", "also"))
    return Reproduction(name=name, common=common, start=start, also=also, arms=arms, **data)


def reproduce(
    what: Reproduction,
    folder: Path,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    arms: Sequence[str] = (),
    jobs: int = 1,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run what is missing in `folder`, and sum up what is there. Each run tells its progress to a `.log` beside it.

    Args:
        overrides: for the warm start and all arms, after their own.
        arms: which to run; all by default.
        jobs: runs at the same time, which share the cores.
        tell: is told what is done.

    Returns:
        What `result.json` in `folder` then holds, too: `paper`, `claim`, `metric`, `seeds`, `overrides`, `minutes` (of
        all runs together, the warm start included) and, per arm, `before` and `after` (the metric of each seed), `mean`
        and `spread` (standard deviation over seeds) of what is after, `curve` ([generated tokens, validation metric]
        pairs for each seed), `wall_s` of each seed, and for each of `also`
        its mean over seeds, at the beginning and at the end.

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
    start = folder / "start"
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin_process, (jobs,)) as pool:
        warm_up = [*what.common, *what.start, *overrides, "rl.steps=0", "eval.test_games=0"]
        _await({pool.submit(_run, recipe, warm_up, start): "warm start"}, tell)
        alone = ["engine.processes=1"] if jobs > 1 else []
        begin = [f"model.path={checkpoints(start / 'checkpoints')[-1]}", "warm_start.demonstrations=0"]
        begun = {}
        for seed, arm in itertools.product(seeds, chosen):
            settings = [*alone, *what.common, *what.arms[arm], *overrides, *begin, f"seed={seed}"]
            begun[pool.submit(_run, recipe, settings, folder / f"seed-{seed}" / arm)] = f"seed {seed}: {arm}"
        _await(begun, tell)
    runs = {arm: [Run.open(folder / f"seed-{seed}" / arm) for seed in seeds] for arm in chosen}
    result: dict[str, Any] = {
        "paper": what.paper,
        "claim": what.claim,
        "metric": what.metric,
        "seeds": list(seeds),
        "overrides": list(overrides),
        "minutes": sum(_seconds(run) for run in [Run.open(start), *itertools.chain(*runs.values())]) / 60,
        "arms": {arm: _summary(what, of_arm) for arm, of_arm in runs.items()},
    }
    with atomic_write(path) as file:
        file.write(json.dumps(result, indent=2).encode() + b"\n")
    return result


def _begin_process(jobs: int) -> None:
    """Begin a process that is one of so many, and ends with the one that began it."""
    torch.set_num_threads(max(len(os.sched_getaffinity(0)) // jobs, 1))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _run(recipe: Path, overrides: Sequence[str], path: Path) -> None:
    """Carry out a run, or the rest of it."""
    resume = path if (path / CONFIG).exists() else None
    if resume and Run.open(path).summary() is not None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".log").open("a") as log, contextlib.redirect_stderr(log):
        train(
            Config.load(path / CONFIG) if resume else Config.load(recipe, [*overrides, f"run.dir={path}"]),
            resume=resume,
        )


def _await(begun: Mapping[Future[None], str], tell: Callable[[str], None]) -> None:
    """Wait for all of them; the first that fails ends the others that have not begun."""
    try:
        for done in as_completed(begun):
            done.result()
            tell(begun[done])
    except BaseException:
        for future in begun:
            future.cancel()
        raise


def _seconds(run: Run) -> float:
    return float(run.metrics()[-1]["seconds"])


def _summary(what: Reproduction, runs: Sequence[Run]) -> dict[str, Any]:
    tests = [[row for row in run.metrics() if what.metric in row] for run in runs]
    after = [rows[-1][what.metric] for rows in tests]
    return {
        "before": [rows[0][what.metric] for rows in tests],
        "after": after,
        "mean": float(np.mean(after)),
        "spread": float(np.std(after, ddof=1)) if len(after) > 1 else 0.0,
        "curve": [_curve(what, run) for run in runs],
        "wall_s": [_seconds(run) for run in runs],
        "also": {name: np.mean([_change(run, name) for run in runs], axis=0).tolist() for name in what.also},
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


def _change(run: Run, name: str) -> tuple[float, float]:
    """A metric of the test split before and after RL; of any other its mean over the first and the last steps."""
    values = [row[name] for row in run.metrics() if row.get(name) is not None] or [float("nan")]
    some = 1 if name.startswith("test/") else math.ceil(_ENDS * len(values))
    return float(np.mean(values[:some])), float(np.mean(values[-some:]))
