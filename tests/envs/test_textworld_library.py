"""Games on disk: the same for everybody, whole or not there at all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentrl.envs.text.textworld import library
from agentrl.envs.text.textworld.levels import parse
from agentrl.errors import ConfigError, CorruptFileError, InfraError
from tests.conftest import require

require("textworld")
from agentrl.envs.text.textworld.engine import load

LEVEL = parse("w1-o1-q1")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path))
    return tmp_path / "textworld"


def fake_generator(monkeypatch: pytest.MonkeyPatch, *reasons: str) -> list[dict[str, object]]:
    """Stand in for the compiler; the reasons are its answers in turn ("" makes a game)."""
    jobs: list[dict[str, object]] = []

    def generate(job: dict[str, object], scratch: Path) -> str:
        reason = reasons[len(jobs)] if len(jobs) < len(reasons) else ""
        jobs.append(job)
        if not reason:
            (scratch / "game.z8").write_bytes(b"game")
            (scratch / "game.json").write_text("{}")
        return reason

    monkeypatch.setattr(library, "_generate", generate)
    return jobs


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path))
    assert library.cache_folder() == tmp_path / "textworld"
    monkeypatch.delenv("AGENTRL_CACHE")
    assert library.cache_folder() == Path.home() / ".cache" / "agentrl" / "textworld"


def test_a_game_is_made_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = fake_generator(monkeypatch)
    first = library.game_file(LEVEL, "train", 0)
    assert library.game_file(LEVEL, "train", 0) == first
    assert len(jobs) == 1
    assert sorted(path.name for path in first.parent.iterdir()) == ["game.json", "game.z8"]
    assert [path for path in cache.iterdir() if path.name.startswith("making-")] == []


def test_every_task_and_split_has_seeds_of_its_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = fake_generator(monkeypatch)
    files = {library.game_file(LEVEL, split, i) for split in ("train", "valid", "test") for i in range(3)}
    assert len(files) == 9
    assert [job["seed"] for job in jobs] == [first + i for first in (0, 10**9, 2 * 10**9) for i in range(3)]
    last = library.MAX_TASKS - 1 + (library._ATTEMPTS - 1) * library.MAX_TASKS
    assert last < 10**9
    assert 2 * 10**9 + last < 2**32, "beyond the seeds that TextWorld takes"


def test_a_seed_without_a_game_is_replaced_and_remembered(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = fake_generator(monkeypatch, "no quest", "no quest")
    first = library.game_file(LEVEL, "train", 5)
    assert [job["seed"] for job in jobs] == [5, 5 + 10**7, 5 + 2 * 10**7]
    assert library.game_file(LEVEL, "train", 5) == first
    assert len(jobs) == 3


def test_a_level_without_games_says_why(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = fake_generator(monkeypatch, *["no quest of that length"] * 99)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"no quest of that length.*ask for a shorter quest"):
            library.game_file(LEVEL, "train", 0)
    assert len(jobs) == library._ATTEMPTS, "failures are remembered too"


def test_an_interrupted_game_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(job: dict[str, object], scratch: Path) -> str:
        (scratch / "game.z8").write_bytes(b"half a ga")
        raise KeyboardInterrupt

    monkeypatch.setattr(library, "_generate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        library.game_file(LEVEL, "train", 0)
    assert list(cache.iterdir()) == []


def test_several_makers_of_one_game_agree(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_generator(monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: library.game_file(LEVEL, "train", 0), range(32)))
    assert len(set(files)) == 1
    assert files[0].read_bytes() == b"game"
    assert len(list(cache.iterdir())) == 1


def test_a_crashing_generator_is_an_infrastructure_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.generate, "__file__", str(cache / "missing.py"))
    with pytest.raises(InfraError, match="generator failed"):
        library.game_file(LEVEL, "train", 0)
    assert list(cache.iterdir()) == []


def test_a_hanging_generator_is_killed(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "hang.py"
    script.write_text("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])\n")
    monkeypatch.setattr(library.generate, "__file__", str(script))
    monkeypatch.setattr(library, "_TIMEOUT_S", 0.5)
    with pytest.raises(InfraError, match="more than"):
        library.game_file(LEVEL, "train", 0)


def test_an_unwritable_cache_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("AGENTRL_CACHE", str(file))
    with pytest.raises(ConfigError, match="set AGENTRL_CACHE to a writable folder"):
        library.game_file(LEVEL, "train", 0)


def test_a_real_game_is_the_same_in_two_caches(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    level = parse("cooking-cut")  # the family in which TextWorld's own output depends on the hash seed
    first = library.game_file(level, "train", 0)
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    second = library.game_file(level, "train", 0)
    assert first != second
    assert first.parent.name == second.parent.name
    assert json.loads(first.with_suffix(".json").read_text()) == json.loads(second.with_suffix(".json").read_text())
    assert sorted(path.name for path in first.parent.iterdir()) == ["game.json", "game.z8"]

    first.with_suffix(".json").write_text("{")
    with pytest.raises(CorruptFileError, match=r"game\.json.*delete the folder"):
        load(first)
    second.unlink()
    with pytest.raises(CorruptFileError, match=r"game\.z8.*missing"):
        load(second)
