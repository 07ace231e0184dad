"""Games on disk: made once, kept by content, shared by all processes of a machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from agentrl import files
from agentrl.envs.text.textworld import generate
from agentrl.envs.text.textworld.levels import Level
from agentrl.errors import ConfigError, InfraError, MissingExtraError

SEEDS = {"train": 0, "valid": 1_000_000_000, "test": 2_000_000_000}
"""First seed of each split. Task i uses the seeds first + i + k × 10⁷, k = 0 … 7, the first that makes a game."""
MAX_TASKS = 10_000_000
_ATTEMPTS = 8
_TIMEOUT_S = 900.0  # most take seconds, treasure_hunter-21 and above minutes
_RECIPE = 1  # raise it when generate.py makes other games from the same job


def cache_folder() -> Path:
    """`$AGENTRL_CACHE/textworld`, by default `~/.cache/agentrl/textworld`."""
    return files.cache_folder("textworld")


def game_file(level: Level, split: str, index: int) -> Path:
    """The .z8 file of a task, made now if no process made it before; its .json stands beside it.

    Raises:
        ConfigError: TextWorld cannot make such games, or the cache cannot be written.
        InfraError: the generator crashed or took longer than a quarter of an hour.
        MissingExtraError: TextWorld is not installed.
    """
    reason = ""
    for attempt in range(_ATTEMPTS):
        job = {
            "challenge": level.challenge,
            "options": level.options_for(split),
            "seed": SEEDS[split] + index + attempt * MAX_TASKS,
        }
        folder = cache_folder() / _key(job)
        if not folder.is_dir():
            reason = _make(job, folder)
        elif (folder / "impossible").is_file():
            reason = (folder / "impossible").read_text(encoding="utf-8")
        else:
            reason = ""
        if not reason:
            return folder / "game.z8"
    raise ConfigError(
        f"TextWorld makes no game of level {level.name!r} in {_ATTEMPTS} attempts "
        f"({reason}); ask for a shorter quest, or for more rooms and objects"
    )


def _key(job: dict[str, object]) -> str:
    try:
        version = importlib.metadata.version("textworld")
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError("textworld", "text") from None
    content = json.dumps([_RECIPE, version, job], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _make(job: dict[str, object], folder: Path) -> str:
    """Make a game in a temporary folder, then rename it: other processes see all of it or nothing.

    Returns why there is no such game, "" if there is one. Both are remembered.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
    except OSError as error:
        raise ConfigError(f"cannot write the game cache ({error}); set AGENTRL_CACHE to a writable folder") from error
    try:
        reason = _generate({**job, "path": str(scratch / "game.z8")}, scratch)
        if reason:
            (scratch / "impossible").write_text(reason, encoding="utf-8")
        for leftover in (scratch / "home", scratch / "game.ni"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster with the same content
                raise
        return reason
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _generate(job: dict[str, object], scratch: Path) -> str:
    home = scratch / "home"  # Inform writes its documentation into $HOME
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", generate.__file__, json.dumps(job)]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the compiler dies with it
    )
    try:
        _, stderr = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise InfraError(f"making a TextWorld game took more than {_TIMEOUT_S:.0f} s: {json.dumps(job)}") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    last_line = stderr.strip().rpartition("\n")[2]
    if process.returncode == generate.CANNOT:
        return last_line or "no reason given"
    if process.returncode:
        raise InfraError(f"the TextWorld generator failed on {json.dumps(job)}: {last_line}")
    return ""
