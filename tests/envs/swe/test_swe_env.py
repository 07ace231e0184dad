"""SWE-v0 in real sandboxes: all three surfaces keep the contract, and what fails is no reward."""

from __future__ import annotations

import gc
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers
from agentrl.envs.base import Episode
from agentrl.envs.check import check
from agentrl.envs.swe import rewards
from agentrl.envs.swe.env import SWEEnv
from agentrl.envs.swe.instance import write_instances
from agentrl.envs.swe.surface import InSandbox
from agentrl.envs.swe.workshop import workshop
from agentrl.errors import ConfigError, InfraError, SandboxError, UnknownNameError
from agentrl.sandboxes.handle import Handle
from agentrl.types import Outcome
from tests.conftest import require
from tests.envs.swe.places import INSTANCES, KINDS, kept, need
from tests.serving.conftest import serving

SURFACES = ("bash", "tools", "lines")
SUBMIT = {"bash": "submit", "tools": "submit({})", "lines": "submit"}
NAMES = {name: instance.instance_id for name, instance in INSTANCES.items()}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need("process")
    with kept(tmp_path_factory.mktemp("swe")) as path:
        yield path


def make(file: Path, surface: str = "bash", **kwargs: Any) -> Episode:
    env = gym.make("SWE-v0", **{"file": str(file), "surface": surface, "sandbox": "process", **kwargs})
    assert isinstance(env, Episode)
    return env


def start(env: Episode, name: str = "sum") -> str:
    return str(env.reset(options={"task": NAMES[name]})[0])


def finish(env: Episode) -> tuple[Any, ...]:
    """Let the oracle solve the rest; the last step."""
    last: tuple[Any, ...] = ()
    for action in env.oracle():
        last = env.step(action)
    return last


def sandbox_of(env: Episode) -> Handle:
    assert isinstance(env.core, SWEEnv)
    assert env.core.state
    surface = env.core.state.surface
    assert isinstance(surface, InSandbox)
    return surface.workspace.sandbox


@pytest.mark.parametrize("surface", SURFACES)
def test_the_contract(file: Path, surface: str) -> None:
    report = check("SWE-v0", file=str(file), surface=surface, sandbox="process")
    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("surface", "kind"),
    [
        *(("bash", kind) for kind in KINDS),
        ("tools", "process"),
        ("tools", "docker"),
        ("lines", "process"),
    ],
)
def test_the_oracle_solves_in_every_sandbox(file: Path, surface: str, kind: str) -> None:
    need(kind)
    env = make(file, surface, sandbox=kind)
    start(env, "zero")
    _, reward, terminated, _, info = finish(env)
    assert (reward, terminated, info["outcome"].solved) == (1.0, True, True), info
    assert info["grade"] == {
        "resolved": True,
        "share": 1.0,
        "empty": False,
        "applied": True,
        "flags": [],
        "dropped": [],
        "error": "",
    }
    env.close()


@pytest.mark.parametrize("surface", SURFACES)
def test_levels_of_the_outcome(file: Path, surface: str) -> None:
    assert "test/*" not in make(file, surface).channels
    env = make(file, surface, max_episode_steps=5, test_channels=True)
    assert "test/*" in env.channels
    wrong = {
        "bash": "sed -i s/-=/*=/ tally/counting.py",
        "tools": 'edit tally/counting.py "result -= number" "result *= number"',
        "lines": "replace 4 -= *=",
    }[surface]
    start(env)
    found = env.step(SUBMIT[surface])
    critics = {"format": 0.02, "tool_valid": 0.02, "submit": -0.02}
    final = {"outcome": 0.1, "completed": 1.0, "modified": 0.0, "tests": 0.8, "test/0": 0.0}
    assert found[4]["rewards"] == pytest.approx(final | critics)
    start(env)
    env.step(wrong)
    found = env.step(SUBMIT[surface])
    assert found[1] == rewards.OUTCOMES["failing_patch"]
    assert found[4]["outcome"] == Outcome.terminated(success=False)
    assert found[4]["rewards"]["submit"] == pytest.approx(0.02)
    assert found[4]["rewards"]["modified"] == 1.0
    start(env)
    for _ in range(4):
        info = env.step(wrong)[4]
        assert info["rewards"]["submit"] == 0.0
    _, reward, _, truncated, info = env.step(wrong)
    assert (reward, truncated, info["rewards"]["submit"]) == (0.0, True, pytest.approx(-0.02))
    env.close()


@pytest.mark.parametrize(
    ("surface", "action", "format_", "tool"),
    [
        ("bash", "ls", 1, 1),
        ("bash", " \n", -1, 0),
        ("bash", "no_such_program", 1, -1),
        ("tools", "open tally/counting.py", 1, 1),
        ("tools", "please open it", -1, 0),
        ("tools", "open nowhere.py", 1, -1),
        ("tools", "open ../../../etc/passwd", 1, -1),
        ("lines", "test", 1, 1),
        ("lines", "tests", -1, 0),
        ("lines", "replace 4 -=", -1, 0),
        ("lines", "replace 99 a b", 1, -1),
        ("lines", "replace 4 += -=", 1, -1),
        ("lines", "replace 4 -= =>", 1, -1),
    ],
)
def test_critics_of_a_step(file: Path, surface: str, action: str, format_: int, tool: int) -> None:
    env = make(file, surface)
    start(env)
    info = env.step(action)[4]
    assert info["rewards"] == pytest.approx({"format": format_ / 400, "tool_valid": tool / 400, "submit": 0.0})
    assert (info["outcome"].status == "invalid_action") == (format_ < 0)
    env.close()


def test_tools(file: Path) -> None:
    env = make(file, "tools")
    opening = start(env)
    assert "The numbers are wrong." in opening
    assert "tally/" not in opening

    def says(action: str) -> str:
        return str(env.step(action)[0])

    assert says("open tally/counting.py 3").startswith("tally/counting.py, 11 lines\n1: def total(numbers):\n")
    assert says('search({"pattern": "^def s.*whole"})') == "tally/counting.py:8:def share(part, whole):"
    assert says("search nothing_like_it") == "nothing found"
    assert "Unmatched" in says('search "("')
    assert says("edit tally/counting.py result total").startswith("error: the old text stands 3 times")
    edited = (
        "edited tally/counting.py\n3:     for number in numbers:\n4:         result += number\n5:     return result"
    )
    assert says('edit tally/counting.py "result -= number" "result += number"') == edited
    assert says('insert tally/labels.py 0 "import os"') == (
        "edited tally/labels.py\n1: import os\n2: from tally.counting import share"
    )
    assert says("insert tally/labels.py 99 x").startswith("error: tally/labels.py has 6 lines")
    assert says('edit({"path": "notes/new.md", "old": "", "new": "hello"})') == "wrote notes/new.md"
    assert says('edit({"path": "notes/new.md", "old": "", "new": "again"})').startswith("error: notes/new.md has text")
    assert says("run_tests") == "5 passed, 0 failed"
    says("edit tally/counting.py '+=' '-='")
    failed = says("run_tests tests/test_counting.py::test_total_of_several")
    assert failed.startswith("0 passed, 1 failed\ntests/test_counting.py::test_total_of_several\n")
    assert "assert -6 == 6" in failed
    assert "in 0." not in failed  # nothing that differs from run to run
    assert says("run_tests tests/gone.py").startswith("0 passed, 0 failed")
    env.close()


def test_lines(file: Path) -> None:
    env = make(file, "lines")
    assert start(env) == (
        "failing: test_total_of_several\ndef test_total_of_several():\n    assert total([1, 2, 3]) == 6\n"
        "tally/counting.py\n1 def total(numbers):\n2     result = 0\n3     for number in numbers:\n"
        "4         result -= number\n5     return result"
    )
    assert env.step("replace 4 -= *=")[0] == "4         result *= number"
    assert (
        env.step("test")[0]
        == "4 passed, 1 failed\nfailing: test_total_of_several\nassert 0 == 6 + where 0 = total([1, 2, 3])"
    )
    assert env.step("replace 4 *= +=")[0] == "4         result += number"
    assert env.step("test")[0] == "5 passed, 0 failed"
    assert "no python" in env.step("replace 4 += (")[0]
    assert env.step("submit")[1] == 1.0


def test_lines_have_the_tasks_alone_that_they_can_say(file: Path, tmp_path: Path) -> None:
    one = INSTANCES["sum"].to_dict()
    rows = {
        "hidden": {**one, "instance_id": "hidden", "test_patch": one["bug_patch"]},
        "wide": {**one, "instance_id": "wide", "bug_patch": "", "patch": ""},
    }
    other = tmp_path / "more.jsonl"
    write_instances(other, [type(INSTANCES["sum"]).from_dict(row) for row in (rows["hidden"], one)])
    assert make(other, "lines").tasks("train") == [one["instance_id"]]
    write_instances(other, [type(INSTANCES["sum"]).from_dict(rows["hidden"])])
    with pytest.raises(ConfigError, match="that this surface can solve"):
        make(other, "lines")
    assert make(other, "bash").tasks("train") == ["hidden"]


@pytest.mark.parametrize("mistakes", [0.0, 0.7])
def test_the_demonstrator_errs_and_recovers(file: Path, mistakes: float) -> None:
    env = make(file, "lines")
    erred = 0
    for seed, name in enumerate(NAMES):
        observation = start(env, name)
        expert = env.demonstrator(seed=seed, mistakes=mistakes)
        actions: list[str] = []
        done = False
        while not done:
            actions.append(expert.act(observation))
            erred += expert.last_was_mistake
            observation, reward, done, _, info = env.step(actions[-1])
            assert info["outcome"].status != "invalid_action", actions
        assert reward == 1.0, actions
        assert actions[-2:] == ["test", "submit"] or mistakes
    assert bool(erred) == bool(mistakes)
    start(env)
    env.close()
    bash = make(file)
    start(bash)
    with pytest.raises(ConfigError, match="no mistakes"):
        bash.demonstrator(mistakes=0.1)
    bash.close()


@pytest.mark.parametrize("surface", SURFACES)
def test_a_snapshot_outlives_its_process(file: Path, surface: str, tmp_path: Path) -> None:
    """Taken in a process that is gone, restored in this one."""
    half = {
        "bash": ["cd tally; x=5", "sed -i s/-=/+=/ counting.py"],
        "tools": ['edit tally/counting.py "-=" "+="'],
        "lines": ["replace 4 -= +="],
    }[surface]
    program = (
        "import pickle, sys, gymnasium as gym, agentrl\n"
        "file, surface, task, out, *actions = sys.argv[1:]\n"
        "env = gym.make('SWE-v0', file=file, surface=surface, sandbox='process')\n"
        "env.reset(options={'task': task})\n"
        "for action in actions: env.step(action)\n"
        "pickle.dump(env.snapshot(), open(out, 'wb'))\n"
    )
    out = tmp_path / "snapshot"
    subprocess.run([sys.executable, "-c", program, str(file), surface, NAMES["sum"], str(out), *half], check=True)
    import pickle

    env = make(file, surface)
    env.restore(pickle.loads(out.read_bytes()))
    if surface == "bash":
        assert env.step("echo $x; pwd")[0] == "5\n/workspace/repo/tally\n[exit 0]"
    assert env.step(SUBMIT[surface])[1] == 1.0
    other = make(file, next(s for s in SURFACES if s != surface))
    with pytest.raises(ConfigError, match="surface"):
        other.restore(pickle.loads(out.read_bytes()))
    env.close()


def test_a_sandbox_that_dies_is_no_reward(file: Path) -> None:
    env = make(file)
    start(env)
    workshop().call(sandbox_of(env).close())
    with pytest.raises(SandboxError):
        env.step("ls")
    with pytest.raises(InfraError):
        env.step("submit")
    start(env)  # a fresh sandbox
    assert finish(env)[1] == 1.0
    env.close()


def test_an_episode_that_is_forgotten_gives_its_sandbox_back(file: Path) -> None:
    env = make(file)
    start(env)
    sandbox = sandbox_of(env)
    assert workshop().call(sandbox.ping())
    del env
    gc.collect()

    async def gone() -> bool:
        await sandbox.close()  # waits for whoever has begun to close it
        return not await sandbox.ping()

    assert workshop().call(gone())


def test_thirty_two_at_once_are_apart(file: Path) -> None:
    import concurrent.futures

    def play(number: int) -> str:
        env = make(file)
        start(env)
        env.step(f"x={number}; echo {number} > /tmp/mine")
        text = str(env.step("echo $x; cat /tmp/mine")[0])
        env.close()
        return text

    with concurrent.futures.ThreadPoolExecutor(32) as threads:
        assert list(threads.map(play, range(32))) == [f"{i}\n{i}\n[exit 0]" for i in range(32)]


def _in_child(file: Path, queue: Any, env: Any) -> None:
    try:
        env.step("ls")
    except InfraError as error:
        queue.put(str(error))
    fresh = make(file)
    start(fresh)
    queue.put(fresh.step("echo hi")[0])
    fresh.close()
    workshop().call(workshop().close())


def test_a_forked_process_has_a_workshop_of_its_own(file: Path) -> None:
    env = make(file)
    start(env)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(file, queue, env))
    child.start()
    assert "forked" in queue.get()
    assert queue.get() == "hi\n[exit 0]"
    child.join()
    assert env.step("echo still")[0] == "still\n[exit 0]"
    env.close()


def test_served_as_here(file: Path, tmp_path: Path) -> None:
    require("fastapi")

    def play(**where: Any) -> list[Any]:
        env = make(file, **where)
        seen: list[Any] = [env.reset(options={"task": NAMES["divide"]})]
        seen += [env.step(action) for action in ("cd tally; x=1", "nonsense", "cat <<E > new.py\ny = 2\nE")]
        twin, point = env.fork(), env.snapshot()
        seen += [twin.step("rm new.py; ls"), env.step("echo $x; ls")]
        env.restore(point)
        seen += [env.step(action) for action in env.oracle()]
        twin.close()
        env.close()
        return seen

    with serving(tmp_path, "SWE-v0") as server:
        assert play(url=server.url) == play()


def test_mistakes_of_the_user(file: Path, tmp_path: Path) -> None:
    for wrong in (
        {"surface": "basch"},
        {"sandbox": "dokcer"},
        {"split": "trian"},
        {"backend": "doker", "sandbox": None},
    ):
        kwargs = {key: value for key, value in {"sandbox": "process", **wrong}.items() if value is not None}
        with pytest.raises(UnknownNameError, match="did you mean"):
            gym.make("SWE-v0", file=str(file), **kwargs)
    with pytest.raises(ConfigError, match="agentrl swe build"):
        gym.make("SWE-v0", file=str(tmp_path / "none.jsonl"))
    with pytest.raises(ConfigError, match="either backend"):
        gym.make("SWE-v0", file=str(file), backend="docker", sandbox="process")
    with pytest.raises(UnknownNameError, match="task"):
        make(file).reset(options={"task": "someone__tally.op_change__1"})
    assert json.dumps(make(file).reference(NAMES["sum"]))
    assert make(file).kind(NAMES["sum"]) == "op_change"
