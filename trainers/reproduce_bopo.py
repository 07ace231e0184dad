"""`agentrl reproduce bopo`: a router between a weak and a strong policy on ALFWorld, against routing by rule.

    weak, strong           the executors: two sizes of policy, warmed up on few and on many demonstrations
    start                  the router: the weak policy, after BoSFT on the boundaries of its tasks
    seed-N/lambda-X        BoPO from there, with X as the price of costs
    result.json, report.html, frontier.svg

arXiv 2602.21227.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from agentrl.config import Config
from agentrl.errors import ConfigError
from agentrl.files import atomic_write
from agentrl.trainers.boundaries import FILE
from agentrl.trainers.checkpoint import checkpoints
from agentrl.trainers.frontier import sweep
from agentrl.trainers.loop import train
from agentrl.trainers.reproduce import RESULT, _begin_process
from agentrl.trainers.runs import CONFIG, Run

PAPER = "2602.21227"
CLAIM = "A trained router's frontier dominates random mixes, and nears always-large success at a fraction of its cost."
RECIPE = Path(__file__).parent / "recipes" / "alfworld.toml"
WEAK = (
    "model.hidden_size=64",
    "model.intermediate_size=160",
    "model.layers=2",
    "warm_start.demonstrations=1500",
    "warm_start.steps=300",
)
STRONG = ()
PRICES = {
    "small": "{ input = 0.4, cached = 0.1, output = 1.6 }",
    "large": "{ input = 2.0, cached = 0.5, output = 8.0 }",
}
"""List prices of the paper's two models, in dollars per million tokens."""
ROUTER = (
    "env.max_turns=20",
    "routing.tasks=150",
    "routing.runs=3",
    "warm_start.demonstrations=150",
    "warm_start.mistakes=0.0",
    "warm_start.steps=150",
    "warm_start.observation_weight=0.0",
    "rl.method=bopo",
    "rl.overrides={}",
    "rl.max_turns=0",
    "rl.steps=20",
    "rl.tasks_per_step=12",
    "engine.max_action_tokens=8",
    "eval.every=0",
    "eval.test_games=0",
)
LAMBDAS = (0.2, 0.6)
GAMES = 100


def reproduce_bopo(
    folder: Path,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    jobs: int = 1,
    games: int = GAMES,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run what is missing in `folder`, and measure the frontier of what is there.

    Args:
        overrides: of the router's runs, after their own.
        jobs: runs at the same time, which share the cores.
        games: to play with every router of the frontier.
        tell: is told what is done.

    Returns:
        What `result.json` in `folder` then holds, too: `paper`, `claim`, `seeds`, `overrides`, `minutes` (of all runs),
        `boundaries` (shares of the difficulties, and both ends), `frontier` (see `sweep`), and `areas`: those of
        the frontier, with the mean over the seeds for BoPO.

    Raises:
        ConfigError: `folder` holds the results of other overrides.
    """
    path = folder / RESULT
    if path.exists() and (before := json.loads(path.read_text())["overrides"]) != list(overrides):
        raise ConfigError(f"{folder} holds the results of --set {before}; choose another folder with --out")
    weak, strong, start = folder / "weak", folder / "strong", folder / "start"
    alone = ["engine.processes=1"] if jobs > 1 else []
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin_process, (jobs,)) as pool:
        run = functools.partial(pool.submit, _run, RECIPE)
        executors = {weak: WEAK, strong: STRONG}
        none = ["rl.steps=0", "eval.test_games=0"]
        _await({run([*alone, *own, *none], to): to.name for to, own in executors.items()}, tell)
        router = [*ROUTER, f"model.path={_model(weak)}", *_executors({"small": weak, "large": strong}), *overrides]
        _await({run([*router, "rl.steps=0"], start): "boundaries and BoSFT"}, tell)
        begin = [f"model.path={_model(start)}", "warm_start.demonstrations=0", f"routing.known={start / FILE}"]
        arms = {(s, x): folder / f"seed-{s}" / f"lambda-{x:g}" for s in seeds for x in LAMBDAS}
        begun = {}
        for (s, x), to in arms.items():
            rewards = f"rl.rewards={{ outcome = 1.0, hard = 0.5, cost = {x} }}"
            begun[run([*alone, *router, rewards, *begin, f"seed={s}"], to)] = f"seed {s}: λ = {x:g}"
        _await(begun, tell)
        trained = {"BoSFT": {"": _model(start)}}
        trained |= {f"BoPO, seed {s}": {f"λ = {x:g}": _model(arms[s, x]) for x in LAMBDAS} for s in seeds}
        config = Config.load(start / CONFIG)
        found = sweep(config, trained, split=config.env.test_split, games=games, run=pool.map)
    bopo = [area for family, area in found["areas"].items() if family.startswith("BoPO")]
    runs = [Run.open(at) for at in (weak, strong, start, *arms.values())]
    result: dict[str, Any] = {
        "paper": PAPER,
        "claim": CLAIM,
        "seeds": list(seeds),
        "overrides": list(overrides),
        "minutes": sum(run.metrics()[-1]["seconds"] for run in runs) / 60,
        "boundaries": {k: v for k, v in Run.open(start).metrics()[0].items() if k.startswith("boundaries/")},
        "areas": {**found["areas"], "BoPO": float(np.mean(bopo))},
        "frontier": found,
    }
    with atomic_write(path) as file:
        file.write(json.dumps(result, indent=2).encode() + b"\n")
    return result


def _executors(runs: dict[str, Path]) -> list[str]:
    """Overrides that name the executors."""
    return [
        setting
        for name, run in runs.items()
        for setting in (
            f"routing.executors.{name}.path={_model(run)}",
            f"routing.executors.{name}.temperature=0.4",
            f"routing.executors.{name}.max_tokens=16",
            f"routing.executors.{name}.price={PRICES[name]}",
        )
    ]


def _model(run: Path) -> Path:
    return checkpoints(run / "checkpoints")[-1]


def _run(recipe: Path, overrides: Sequence[str], path: Path) -> None:
    """Carry out a run, or the rest of it; it tells its progress to a `.log` beside it."""
    resume = path if (path / CONFIG).exists() else None
    if resume and Run.open(path).summary() is not None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".log").open("a") as log, contextlib.redirect_stderr(log):
        train(
            Config.load(path / CONFIG) if resume else Config.load(recipe, [*overrides, f"run.dir={path}"]),
            resume=resume,
        )


def _await(begun: dict[Future[None], str], tell: Callable[[str], None]) -> None:
    """Wait for all of them; the first that fails ends the others that have not begun."""
    try:
        for done in as_completed(begun):
            done.result()
            tell(begun[done])
    except BaseException:
        for future in begun:
            future.cancel()
        raise
