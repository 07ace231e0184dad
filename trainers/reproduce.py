"""Run a reproduction: a method and its baselines from the same warm start, at the same budget, over several seeds.

The warm start of a panel is run once, as one model is the start of all runs in a paper, and every arm and seed begins
from its checkpoint. What was finished is not run again, so an interrupted reproduction continues.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentrl.agents.arena.fidelity import measure
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.files import atomic_write
from agentrl.trainers.checkpoint import checkpoints
from agentrl.trainers.reproduce_summary import seconds, summary
from agentrl.trainers.reproduction import Panel, Reproduction
from agentrl.trainers.runs import Run
from agentrl.trainers.side_by_side import ALONE, Planned, Tell, carry_out, processes

RESULT = "result.json"


def reproduce(
    what: Reproduction,
    folder: Path,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    arms: Sequence[str] = (),
    jobs: int = 1,
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """Run what is missing in `folder`, and sum up what is there. Each run tells its progress to a `.log` beside it.

    Args:
        overrides: for the warm starts and all arms, after their own.
        arms: which to run, in the panels that have them; all by default.
        jobs: runs at the same time, which share the cores.
        tell: is told what is done.

    Returns:
        What `result.json` in `folder` then holds, too: `paper`, `claim`, `seeds`, `overrides`, `minutes` (of all runs
        together, warm starts included), `panels` by name, each with `metric`, `target`, `published` and, by name,
        `arms` (see `summary`), and `tournaments` (rows of `agentrl.agents.arena.fidelity.measure`).

    Raises:
        UnknownNameError: there is no such arm.
        ConfigError: `folder` holds the results of other overrides.
    """
    known = [arm for panel in what.panels for arm in panel.arms]
    for arm in arms:
        if arm not in known:
            raise UnknownNameError(f"arm of {what.name}", arm, known)
    path = folder / RESULT
    if path.exists() and (before := json.loads(path.read_text())["overrides"]) != list(overrides):
        raise ConfigError(f"{folder} holds the results of --set {before}; choose another folder with --out")
    panels = _with(what.panels, arms or known)
    starts = {panel.name: folder / next(p.name for p in panels if p.begins_like(panel)) / "start" for panel in panels}
    runs = {
        (panel.name, arm, seed): folder / panel.name / f"seed-{seed}" / arm
        for seed, panel in itertools.product(seeds, panels)
        for arm in panel.arms
    }
    with processes(jobs) as pool:
        fidelity = pool.submit(measure, **what.tournaments) if what.tournaments else None
        carry_out(pool, _warm_starts(panels, starts, overrides, jobs), tell)
        carry_out(pool, _arms(panels, starts, runs, overrides, jobs), tell)
        tournaments = fidelity.result() if fidelity else []
    opened = {key: Run.open(run) for key, run in runs.items()}
    result: dict[str, Any] = {
        "paper": what.paper,
        "claim": what.claim,
        "seeds": list(seeds),
        "overrides": list(overrides),
        "minutes": sum(seconds(run) for run in [*map(Run.open, {*starts.values()}), *opened.values()]) / 60,
        "panels": {
            panel.name: {
                "metric": panel.metric,
                "target": panel.target,
                "published": panel.published,
                "arms": {arm: summary(panel, [opened[panel.name, arm, seed] for seed in seeds]) for arm in panel.arms},
            }
            for panel in panels
        },
        "tournaments": tournaments,
    }
    with atomic_write(path) as file:
        file.write(json.dumps(result, indent=2).encode() + b"\n")
    return result


def _with(panels: Sequence[Panel], arms: Collection[str]) -> list[Panel]:
    """The panels that have one of these arms, with these alone."""
    chosen = [(panel, {arm: panel.arms[arm] for arm in panel.arms if arm in arms}) for panel in panels]
    return [dataclasses.replace(panel, arms=some) for panel, some in chosen if some]


def _warm_starts(
    panels: Sequence[Panel], starts: Mapping[str, Path], overrides: Sequence[str], jobs: int
) -> Iterator[Planned]:
    first = {starts[panel.name]: panel for panel in reversed(panels)}
    alone = ALONE if min(jobs, len(first)) > 1 else []
    for path, panel in first.items():
        settings = [*alone, *panel.common, *panel.start, *overrides, "rl.steps=0", "eval.test_games=0"]
        yield Planned(f"{panel.title}warm start", panel.recipe, settings, path)


def _arms(
    panels: Sequence[Panel],
    starts: Mapping[str, Path],
    runs: Mapping[tuple[str, str, int], Path],
    overrides: Sequence[str],
    jobs: int,
) -> Iterator[Planned]:
    named = {panel.name: panel for panel in panels}
    alone = ALONE if jobs > 1 else []
    for (name, arm, seed), path in runs.items():
        panel, model = named[name], checkpoints(starts[name] / "checkpoints")[-1]
        own = panel.arms[arm]
        lessons = [item for item in own if item.startswith("warm_start.")]
        begin = [f"model.path={model}", "warm_start.demonstrations=0", *lessons, f"seed={seed}"]
        settings = [*alone, *panel.common, *own, *overrides, *begin]
        yield Planned(f"seed {seed}: {panel.title}{arm}", panel.recipe, settings, path)
