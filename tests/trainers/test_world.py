"""Processes of a run: what they share, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import RunStoppedError, UnknownNameError
from tests.conftest import require

torch = require("torch")

from agentrl.trainers import world as module
from agentrl.trainers.world import World, launch


class Wires:
    """Stands for `torch.distributed` seen from rank 0: the other ranks gather what they were given."""

    def __init__(self, items: list[Any], size: int) -> None:
        self.parts = [World(rank, size).shard(items) for rank in range(size)]

    def all_gather_object(self, into: list[Any], part: list[Any]) -> None:
        assert part == self.parts[0]
        into[:] = self.parts


@given(st.lists(st.integers(), max_size=30), st.integers(1, 6))
def test_gather_is_the_inverse_of_shard(items: list[int], size: int) -> None:
    ranks = [World(rank, size) for rank in range(size)]
    parts = [rank.shard(items) for rank in ranks]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "dist", Wires(items, size))
        assert ranks[0].gather(parts[0]) == items


def test_alone_nothing_is_sent() -> None:
    assert World().first
    assert World().shard([1, 2, 3]) == World().gather([1, 2, 3]) == [1, 2, 3]
    assert launch(1, lambda world, *args: (world, args), 5) == (World(0, 1), (5,))


# -- with a second process, which imports the programs below by name --------------------------------------------------


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])


def talk(world: World, counts: list[int]) -> dict[str, Any]:
    return {
        "gathered": [world.gather([(i, world.rank) for i in world.shard(range(n))]) for n in counts],
        "first": world.gather([world.first]),
        "threads": world.gather([torch.get_num_threads()]),
        "pids": world.gather([os.getpid()]),
    }


def fail(world: World, ranks: list[int], marks: str) -> None:
    """A user's mistake that only some ranks meet; the others wait for them."""
    Path(marks, str(world.rank)).write_text(str(os.getpid()))
    if world.rank in ranks:
        raise UnknownNameError("planet", "Eart", ["Earth"])
    world.gather([1])


def stop(world: World) -> None:
    raise RunStoppedError(f"the loss of rank {world.rank} is not finite")


def die(world: World) -> None:
    if world.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    world.gather([1])


def hang(world: World, marks: str, patient: bool) -> None:
    """Rank 1 is busy for ever; so is rank 0 if it is patient, else it fails with a bug."""
    if world.rank == 1:
        Path(marks, "1").write_text(str(os.getpid()))
        time.sleep(600)
    time.sleep(600 * patient)
    wait_for(Path(marks, "1").exists)
    raise ZeroDivisionError


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_two_processes_meet_and_then_end() -> None:
    counts = [0, 1, 2, 7]
    threads = torch.get_num_threads()
    try:
        result = launch(2, talk, counts)
    finally:
        torch.set_num_threads(threads)
    assert result["gathered"] == [[(i, i % 2) for i in range(n)] for n in counts]
    assert result["first"] == [True, False]
    assert sum(result["threads"]) <= max(2, os.cpu_count() or 1)
    mine, other = result["pids"]
    assert mine == os.getpid() != other
    assert gone(other)


def test_an_error_of_another_rank_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown planet 'Eart'; did you mean 'Earth'") as caught:
        launch(2, fail, [1], str(tmp_path))
    assert caught.value.known == ["Earth"]
    assert gone(int((tmp_path / "1").read_text()))


def test_an_error_that_all_meet_keeps_its_type() -> None:
    with pytest.raises(RunStoppedError, match=r"^the loss of rank 0 is not finite$"):
        launch(2, stop)


def test_a_killed_process_stops_the_run() -> None:
    with pytest.raises(RunStoppedError, match=r"process 1 .* SIGKILL"):
        launch(2, die)


def test_no_process_outlives_a_kill(tmp_path: Path) -> None:
    code = f"from tests.trainers.test_world import hang, launch; launch(2, hang, {str(tmp_path)!r}, True)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) as process:
        wait_for(lambda: (tmp_path / "1").exists() and (tmp_path / "1").read_text() != "")
        process.kill()
    wait_for(lambda: gone(int((tmp_path / "1").read_text())))


def test_no_process_outlives_a_failure(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        launch(2, hang, str(tmp_path), False)
    assert gone(int((tmp_path / "1").read_text()))
    assert time.monotonic() - begun < 60
