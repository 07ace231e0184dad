"""The run folder: everything a training run leaves behind, complete at every moment.

    runs/<name>/
        config.toml                      the resolved configuration
        metrics.jsonl                    one JSON object a line: step, seconds, and named numbers
        tensorboard/                     the same numbers as TensorBoard events
        rollouts/step-000012.jsonl.gz    one line per group, see `agentrl.records`
        rollouts/valid-000012.jsonl.gz   the same of the validation after that step, and of tests: `test-…`
        checkpoints/step-000012/         for `transformers` and vLLM, see `agentrl.trainers.checkpoint`
        summary.json                     the result, once there is one
        report.html                      the same for people

Files appear under their final name only when they are complete, so a run that was killed at any moment can be read
and resumed. The metrics file alone is appended to; a torn last line is ignored by the reader and cut by `resume`.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import math
import os
import re
import shutil
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self, get_args

from agentrl.errors import ConfigError, CorruptFileError
from agentrl.files import atomic_write, json_line
from agentrl.records import Advantages, read_groups, write_groups
from agentrl.types import Group

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CONFIG, METRICS, SUMMARY, REPORT = "config.toml", "metrics.jsonl", "summary.json", "report.html"
ROLLOUTS, CHECKPOINTS, TENSORBOARD = "rollouts", "checkpoints", "tensorboard"
Purpose = Literal["step", "valid", "test"]
"""What rollouts were for: a step of RL, or a measurement."""
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


class Run:
    """The read side: what is in a run folder, finished, running or killed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Read the run at `path`.

        Raises:
            ConfigError: there is no run.
        """
        path = Path(path)
        if not (path / CONFIG).is_file():
            raise ConfigError(f"{path} is not a run folder: it has no {CONFIG}")
        return Run(path)

    def config(self) -> dict[str, Any]:
        """The resolved configuration, as read from TOML."""
        try:
            return tomllib.loads((self.path / CONFIG).read_text())
        except tomllib.TOMLDecodeError as error:
            raise CorruptFileError(self.path / CONFIG, str(error)) from error

    def metrics(self) -> list[dict[str, Any]]:
        """All rows of `metrics.jsonl` in order; a torn last line is left out.

        Raises:
            CorruptFileError: another line is no JSON object.
        """
        path = self.path / METRICS
        lines = path.read_text().split("\n") if path.exists() else [""]
        rows = []
        for number, line in enumerate(lines[:-1], 1):  # what follows the last newline is torn, or empty
            try:
                rows.append(dict(json.loads(line)))
            except (ValueError, TypeError) as error:
                raise CorruptFileError(path, f"line {number} is no JSON object") from error
        return rows

    def rollout_steps(self, purpose: Purpose = "step") -> list[int]:
        """Steps whose rollouts are kept, ascending."""
        return sorted(_steps(self.path / ROLLOUTS, ".jsonl.gz", purpose))

    def rollouts(self, step: int, purpose: Purpose = "step") -> Iterator[tuple[Group, Advantages | None]]:
        """The groups of one step and their advantages (None where credit was not computed).

        Raises:
            ConfigError: nothing is kept of this step.
            CorruptFileError: the file cannot be read.
        """
        path = self._rollout_path(step, purpose)
        if not path.exists():
            raise ConfigError(f"{path} does not exist; there are rollouts of step {self.rollout_steps(purpose)}")
        return read_groups(path)

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        steps = _steps(self.path / CHECKPOINTS)
        return [steps[step] for step in sorted(steps)]

    def summary(self) -> dict[str, Any] | None:
        """`summary.json`, or None while the run has no result."""
        path = self.path / SUMMARY
        if not path.exists():
            return None
        try:
            return dict(json.loads(path.read_text()))
        except ValueError as error:
            raise CorruptFileError(path, str(error)) from error

    def _rollout_path(self, step: int, purpose: Purpose) -> Path:
        return self.path / ROLLOUTS / f"{step_name(step, purpose)}.jsonl.gz"


class RunWriter(Run):
    """The write side. One process at a time: the folder is locked until `close`, or until the process ends."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = _lock(path)
        self._seconds = 0.0  # wall time before this process
        self._started = time.monotonic()
        self._metrics: IO[str] | None = None
        self._board: SummaryWriter | None = None

    @classmethod
    def create(cls, path: str | Path, config: str) -> Self:
        """Start a run at `path` with the resolved configuration as TOML text.

        Raises:
            ConfigError: `path` holds a run already, or something else.
            OSError: the folder cannot be made or written.
        """
        path = Path(path)
        if (path / CONFIG).exists():
            raise ConfigError(
                f"{path} already holds a run; continue it with --resume {path}, "
                f"or start another with --set run.dir=PATH"
            )
        if path.exists() and (not path.is_dir() or not all(p.name.startswith(".") for p in path.iterdir())):
            raise ConfigError(f"{path} is no empty folder; choose another with --set run.dir=PATH")
        path.mkdir(parents=True, exist_ok=True)
        run = cls(path)
        with atomic_write(path / CONFIG) as file:
            file.write(config.encode())
        run._open(step=0)
        return run

    @classmethod
    def resume(cls, path: str | Path, step: int, rows: int) -> Self:
        """Continue a run from its checkpoint of `step`: whatever is younger is removed.

        Args:
            step: 0 where there is no checkpoint yet; the run then starts anew.
            rows: of metrics that were written before that checkpoint.

        Raises:
            ConfigError: there is no run at `path`, or another process writes it.
        """
        run = cls(Run.open(path).path)
        kept = run.metrics()[:rows]
        with atomic_write(run.path / METRICS) as file:
            file.writelines(json_line(row) for row in kept)
        rollouts = [_steps(run.path / ROLLOUTS, ".jsonl.gz", purpose) for purpose in PURPOSES]
        for items in (_steps(run.path / CHECKPOINTS), *rollouts):
            for at, item in items.items():
                if at > step:
                    shutil.rmtree(item) if item.is_dir() else item.unlink()
        (run.path / SUMMARY).unlink(missing_ok=True)
        run._seconds = kept[-1]["seconds"] if kept else 0.0
        run._open(step)
        return run

    @property
    def seconds(self) -> float:
        """Wall time of the run, all its processes together, without what was lost to a kill."""
        return self._seconds + time.monotonic() - self._started

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append one row to the metrics, flushed. Names are `group/name`; a value that is not finite becomes null."""
        if self._metrics is None or self._board is None:
            raise ValueError(f"{self.path}: the run is closed")
        finite = {name: float(v) if math.isfinite(v) else None for name, v in values.items()}
        row = {"step": step, "seconds": round(self.seconds, 3), **finite}
        self._metrics.write(json_line(row).decode())
        self._metrics.flush()
        for name, value in finite.items():
            if value is not None:
                self._board.add_scalar(name, value, step)

    def save_rollouts(
        self,
        step: int,
        groups: Iterable[Group],
        advantages: Iterable[Advantages] | None = None,
        purpose: Purpose = "step",
    ) -> Path:
        """Write the groups of one step, with one entry of `advantages` per group where credit was computed."""
        path = self._rollout_path(step, purpose)
        path.parent.mkdir(exist_ok=True)
        write_groups(path, groups, advantages)
        return path

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write `summary.json`."""
        with atomic_write(self.path / SUMMARY) as file:
            file.write(json.dumps(summary, indent=2).encode() + b"\n")

    def close(self) -> None:
        """Flush everything and give the folder free."""
        for file in (self._metrics, self._board, self._lock):
            if file is not None:
                file.close()
        self._metrics = self._board = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._metrics = (self.path / METRICS).open("a")
        self._board = SummaryWriter(str(self.path / TENSORBOARD), purge_step=step + 1 if step else None)


def free_run_dir(name: str, root: Path = Path("runs")) -> Path:
    """The first of `runs/<name>-001`, `-002` … that does not exist."""
    return next(path for n in itertools.count(1) if not (path := root / f"{name}-{n:03d}").exists())


def step_name(step: int, purpose: Purpose = "step") -> str:
    """`step-000012`: sorts by name as by number."""
    return f"{purpose}-{step:06d}"


def _steps(folder: Path, suffix: str = "", purpose: Purpose = "step") -> dict[int, Path]:
    """step → item, for the complete items of a folder."""
    items: Sequence[Path] = list(folder.iterdir()) if folder.is_dir() else []
    pattern = re.compile(rf"{purpose}-(\d{{6,}}){re.escape(suffix)}")
    found = ((pattern.fullmatch(p.name), p) for p in items)
    return {int(match[1]): p for match, p in found if match}


def _lock(path: Path) -> IO[str]:
    """Lock a run folder; the kernel lets go of it when the process ends, however it ends."""
    file = (path / ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise ConfigError(f"{path} is being written by process {owner}; wait for it or stop it") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
