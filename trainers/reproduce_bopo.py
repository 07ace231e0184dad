"""`agentrl reproduce bopo`: a router between a weak and a strong policy on ALFWorld, against routing by rule.

    weak, strong           the executors: a small policy that knows half of the task types, a larger one
    start                  the router: the weak policy, after BoSFT on the boundaries of its tasks
    seed-N/lambda-X        BoPO from there, with X as the price of costs
    result.json, report.html, frontier.svg

arXiv 2602.21227.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agentrl.config import Config
from agentrl.errors import ConfigError
from agentrl.files import atomic_write
from agentrl.trainers.boundaries import FILE
from agentrl.trainers.checkpoint import checkpoints
from agentrl.trainers.frontier import sweep
from agentrl.trainers.reproduce import RESULT
from agentrl.trainers.runs import CONFIG, Run
from agentrl.trainers.side_by_side import ALONE, Planned, Tell, carry_out, processes

PAPER = "2602.21227"
CLAIM = "A trained router's frontier dominates random mixes, and nears always-large success at a fraction of its cost."
RECIPE = Path(__file__).parent / "recipes" / "alfworld.toml"
WEAK = (
    "env.kwargs={ task_types = ['pick_and_place_simple', 'look_at_obj_in_light', 'pick_two_obj_and_place'] }",
    "model.hidden_size=64",
    "model.intermediate_size=160",
    "model.layers=3",
    "warm_start.demonstrations=6000",
    "warm_start.steps=1000",
    "rl.steps=0",
)
STRONG = ("rl.steps=30", "eval.every=0")
PRICES = {
    "small": "{ input = 0.4, cached = 0.1, output = 1.6 }",
    "large": "{ input = 2.0, cached = 0.5, output = 8.0 }",
}
"""List prices of the paper's two models, in dollars per million tokens."""
ROUTER = (
    "env.max_turns=20",
    "routing.tasks=300",
    "routing.tell_budget=false",
    "warm_start.demonstrations=300",
    "warm_start.mistakes=0.0",
    "warm_start.steps=250",
    "warm_start.observation_weight=0.0",
    "rl.method=bopo",
    "rl.overrides={ std = false }",
    "rl.max_turns=0",
    "rl.steps=30",
    "rl.optim.muon_lr=0.02",
    "rl.optim.lr=6e-4",
    "rl.tasks_per_step=12",
    "engine.max_action_tokens=8",
    "eval.every=0",
    "eval.test_games=0",
    "eval.temperature=1.0",
)
LAMBDAS = (0.2, 0.6)
GAMES = 100


def reproduce_bopo(
    folder: Path,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    jobs: int = 1,
    games: int = GAMES,
    tell: Tell = lambda line: None,
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
    alone = ALONE if jobs > 1 else ()
    with processes(jobs) as pool:

        def run(*planned: tuple[str, Sequence[str], Path]) -> None:
            carry_out(pool, [Planned(title, RECIPE, settings, to) for title, settings, to in planned], tell)

        run(*((to.name, [*own, "eval.test_games=0"], to) for to, own in ((weak, WEAK), (strong, STRONG))))
        router = [*ROUTER, f"model.path={_model(weak)}", *_executors({"small": weak, "large": strong}), *overrides]
        run(("boundaries and BoSFT", [*router, "rl.steps=0"], start))
        begin = [f"model.path={_model(start)}", "warm_start.demonstrations=0", f"routing.known={start / FILE}"]
        arms = {(s, x): folder / f"seed-{s}" / f"lambda-{x:g}" for s in seeds for x in LAMBDAS}
        rewards = "rl.rewards={{ outcome = 1.0, hard = 0.5, cost = {} }}".format
        run(
            *(
                (f"seed {s}: λ = {x:g}", [*alone, *router, rewards(x), *begin, f"seed={s}"], to)
                for (s, x), to in arms.items()
            )
        )
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
            f"routing.executors.{name}.temperature=0",
            f"routing.executors.{name}.max_tokens=16",
            f"routing.executors.{name}.price={PRICES[name]}",
        )
    ]


def _model(run: Path) -> Path:
    return checkpoints(run / "checkpoints")[-1]
