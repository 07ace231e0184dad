"""What the commands do when all is well."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from agentrl.config import Config
from agentrl.records import read_groups
from agentrl.types import Outcome
from tests.conftest import require

Cli = Callable[..., str]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command that succeeds; returns what it printed."""

    def run(*arguments: str, code: int = 0) -> str:
        assert exit_code(app, arguments) == code, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_version(cli: Cli) -> None:
    assert cli("--version") == "0.1.0\n"


def test_dry_run_prints_a_configuration_that_reads_back(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(cli("train", "--dry-run", "--set", "rl.method=gigpo", "--set", "env.kwargs.games=a b"))
    config = Config.load(file)
    assert config.rl.method == "gigpo"
    assert config.env.kwargs == {"games": "a b"}
    assert cli("train", str(file), "--dry-run") == file.read_text()


def test_methods(cli: Cli) -> None:
    require("numpy")
    names = {m["name"] for m in json.loads(cli("methods", "list", "--json"))}
    assert {"ppo", "grpo", "gigpo"} <= names
    assert "gigpo" in cli("methods", "list")
    assert cli("methods") == cli("methods", "list")
    assert json.loads(cli("methods", "show", "grpo", "--json"))["fields"]["clip_high"] == 0.2
    assert "2402.03300" in cli("methods", "show", "grpo")


def test_equations_of_a_method(cli: Cli) -> None:
    require("numpy")
    shown = cli("methods", "show", "igpo")
    for line in (
        "A_{i,t} = Σ_{k≥t} γ^(k−t) r̃_{i,k}",
        "maximise 1/N Σ_i 1/M_i Σ_m [ min(ρ A, clip(ρ, 0.8, 1.2) A) − 0.001 k3 ]",
        "k3 = exp(−d) − 1 + d",
        "Rewards: outcome, information_gain",
    ):
        assert line in shown
    listed = {m["name"]: m for m in json.loads(cli("methods", "list", "--json"))}
    assert listed["cm2_step"]["fields"]["assignment"] == "step"
    assert "b_{t,c}" in listed["cm2_step"]["equations"]["credit"]
    assert all(m["rewards"] and m["equations"]["credit"] and m["equations"]["loss"] for m in listed.values())


def test_envs_list(cli: Cli) -> None:
    entries = {e["env_id"]: e for e in json.loads(cli("envs", "list", "--json"))}
    assert {"ALFWorld-v0", "TextWorld-v0"} <= set(entries)
    assert "ALFWorld-v0" in cli("envs", "list")


def test_envs_export_writes_what_we_play(cli: Cli, tmp_path: Path) -> None:
    require("alfworld")
    files = json.loads(
        cli("envs", "export", "--split", "valid_unseen", "--games", "3", "--out", str(tmp_path), "--json")
    )
    assert len(files) == 3
    assert all(Path(file).is_file() for file in files)
    games = ("--with", f"games={tmp_path}", "--split", "valid_unseen")
    result = json.loads(cli("rollout", "ALFWorld-v0", "--agent", "oracle", "-n", "3", *games, "--json"))
    assert result["success"] == 1.0


@pytest.mark.parametrize(
    ("most", "own", "turns"), [("3", [], 3), ("60", [], 50), ("3", ["--with", "max_episode_steps=2"], 2)]
)
def test_the_environment_itself_ends_episodes_that_take_too_long(
    cli: Cli, tmp_path: Path, most: str, own: list[str], turns: int
) -> None:
    require("alfworld")
    out = tmp_path / "r.jsonl"
    options = ("--agent", "random", "-n", "1", "--max-turns", most, "--out", str(out), *own)
    cli("rollout", "ALFWorld-v0", *options)
    ((group, _),) = read_groups(out)
    assert len(group.turns) == turns
    assert group.turns[-1].outcome == Outcome.truncated("max_episode_steps")


@pytest.mark.parametrize("name", ["episodes.jsonl", "episodes.jsonl.gz"])
def test_rollout_keeps_episodes(cli: Cli, tmp_path: Path, name: str) -> None:
    require("alfworld")
    out = tmp_path / name
    result = json.loads(cli("rollout", "ALFWorld-v0", "--agent", "explorer", "-n", "4", "--out", str(out), "--json"))
    groups = [group for group, _ in read_groups(out)]
    assert result["episodes"] == len(groups) == 4
    assert result["solved"] == sum(g.turns[-1].outcome.solved for g in groups)
    assert len({g.task.task_id for g in groups}) == 4


def test_random_agents_differ_by_seed_only(cli: Cli, tmp_path: Path) -> None:
    require("alfworld")

    def actions(name: str, seed: int) -> list[str]:
        out = tmp_path / name
        cli("rollout", "ALFWorld-v0", "--agent", "random", "-n", "1", "--seed", str(seed), "--out", str(out))
        ((group, _),) = read_groups(out)
        return [turn.action for turn in group.turns]

    assert actions("a", 1) == actions("b", 1) != actions("c", 2)


def test_a_person_plays(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    require("alfworld")
    monkeypatch.setattr("sys.stdin", io.StringIO("?\nlook\nxyzzy\n"))
    text = cli("play", "ALFWorld-v0", "--task", "valid_unseen/0")
    assert "Welcome to TextWorld, ALFRED!" in text
    assert "inventory" in text  # among the commands that "?" lists
    assert "Nothing happens." in text
    assert text.rstrip().endswith("left")


def test_watching_an_agent(cli: Cli) -> None:
    require("alfworld")
    text = cli("play", "ALFWorld-v0", "--split", "test_unseen", "--seed", "3", "--agent", "oracle", "--delay", "0")
    assert "> go to" in text
    assert "outcome +1" in text
    assert text.rstrip().endswith("Solved.")


def test_the_same_seed_plays_the_same_task(cli: Cli) -> None:
    require("alfworld")
    one, two = (cli("play", "--seed", "5", "--agent", "oracle", "--delay", "0") for _ in range(2))
    assert one == two


def test_envs_check_says_what_a_foreign_environment_breaks(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cheat_env.py").write_text(
        "import agentrl\n"
        "from agentrl.envs.base import Result, TextEnv\n"
        "from agentrl.types import Outcome\n"
        "class Cheat(TextEnv):\n"
        "    def tasks(self, split=None): return ['only']\n"
        "    def begin(self, task_id):\n"
        "        self.state = 0\n"
        "        return Result('Say please.')\n"
        "    def act(self, action):\n"
        "        return Result('Thanks.', {'outcome': 1.0}, Outcome.terminated(success=True))\n"
        "    def oracle(self): return iter(['please'])\n"
        "agentrl.register('Cheat-v0', 'cheat_env:Cheat', max_episode_steps=5)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = json.loads(cli("envs", "check", "cheat_env:Cheat-v0", "--json", code=1))
    broken = {f["name"] for f in report["findings"] if not f["passed"]}
    assert {"tasks", "floor"} <= broken
    assert "oracle" not in broken


def test_doctor(cli: Cli) -> None:
    require("transformers")
    findings = {f["name"]: f for f in json.loads(cli("doctor", "--json"))}
    assert findings["token exactness"]["ok"]
    assert {"python", "extra text", "cpu features", "cache folder"} <= set(findings)
    assert "token exactness" in cli("doctor")
