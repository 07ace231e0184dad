"""Runs at the same time, which share the cores: those that are finished are not run again, the others continue."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path

import torch

from agentrl.config import Config
from agentrl.trainers.loop import train
from agentrl.trainers.runs import CONFIG, Run

ALONE = ("engine.processes=1",)
"""Overrides of a run that is not the only one at its time."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that shall be there."""

    title: str
    recipe: Path
    overrides: Sequence[str]
    path: Path


def processes(jobs: int) -> ProcessPoolExecutor:
    """So many processes, each with its share of the cores, which end with this one."""
    return ProcessPoolExecutor(jobs, get_context("spawn"), _begin_process, (jobs,))


def carry_out(pool: Executor, runs: Iterable[Planned], tell: Tell) -> None:
    """Wait for all of them; the first that fails ends the others that have not begun.

    Each tells its progress to a `.log` beside its folder, and its title to `tell` when it is done.
    """
    begun = {pool.submit(_run, planned): planned.title for planned in runs}
    try:
        for done in as_completed(begun):
            done.result()
            tell(begun[done])
    except BaseException:
        for future in begun:
            future.cancel()
        raise


def _begin_process(jobs: int) -> None:
    torch.set_num_threads(max(len(os.sched_getaffinity(0)) // jobs, 1))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _run(planned: Planned) -> None:
    path = planned.path
    resume = path if (path / CONFIG).exists() else None
    if resume and Run.open(path).summary() is not None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".log").open("a") as log, contextlib.redirect_stderr(log):
        began = [*planned.overrides, f"run.dir={path}"]
        train(Config.load(path / CONFIG) if resume else Config.load(planned.recipe, began), resume=resume)
