"""A user's mistake is one line on stderr and exit code 2; a bug keeps its traceback."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest
import typer

from agentrl.cli.app import app
from agentrl.cli.errors import Interrupted, exit_code, explain
from agentrl.errors import MissingExtraError
from tests.conftest import require


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of complaint of a command that exits with code 2."""
    assert exit_code(app, arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("agentrl: ")
    return line.removeprefix("agentrl: ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tran"], "'train'"),
        (["envs", "chek"], "'check'"),
        (["train", "--dryrun"], "--dry-run"),
        (["rollout", "ALFWorld-v1"], "'ALFWorld-v0'"),
        (["rollout", "ALFWorld-v0", "-n", "0"], "'--episodes'"),
        (["rollout", "no_such_module:Env-v0"], "No module named 'no_such_module'"),
        (["play", "ALFWord-v0"], "'ALFWorld-v0'"),
        (["envs", "check", "TextWrld-v0"], "'TextWorld-v0'"),
        (["envs", "export", "--out", "x", "--split", "valid_unsen"], "'valid_unseen'"),
        (["bench", "env", "ALFWord-v0"], "ALFWorld"),
        (["cost", "."], "not a run folder"),
        (["cost", ".", "--price-in", "-1"], "'--price-in'"),
        (["bench", "env", "--against", "alfword"], "'alfworld'"),
        (["bench", "env", "SearchQA-v0", "--against", "alfworld"], "known: ALFWorld-v0"),
        (["bench", "env", "--against", "alfworld", "--with", "split=test"], "--with is for"),
        (["bench", "env", "Countdown-v0", "--with", "colour=red"], "colour"),
        (["envs", "site", "Countdown-v0"], "Countdown-v0 has no web site"),
        (["train", "--method", "igpoo", "--set", "warm_start.demonstrations=1"], "'igpo'"),
        (["train", "alfword"], "'alfworld'"),
        (["train", "alfworld.toml", "--resume", "runs/x"], "leave out alfworld.toml"),
        (["train", "no-such-file.toml"], "no-such-file.toml: no such configuration file"),
        (["train", "--set", "rl.step=3", "--dry-run"], "'steps'"),
        (["train", "--set", "rll.steps=3", "--dry-run"], "'rl'"),
        (["train", "--set", "rl.steps", "--dry-run"], "write it as key=value"),
        (["train", "--set", "rl.steps=many", "--dry-run"], "rl.steps"),
        (["train", "--set", "seed.x=1", "--dry-run"], "seed"),
        (["train", "--resume", "no-such-run"], "no-such-run is not a run folder"),
        (["eval", "no-such-model"], "no-such-model is neither a model (no config.json) nor a run folder"),
    ],
)
def test_mistakes_name_the_way_out(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    assert expected in fails(capsys, *arguments)


@pytest.mark.parametrize("arguments", [[], ["envs"], ["bench"]])
def test_without_arguments_there_is_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert exit_code(app, arguments) == 2
    captured = capsys.readouterr()
    assert "Usage: agentrl" in captured.out
    assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rollout", "ALFWorld-v0", "--agent", "explore"], "'explorer'"),
        (["rollout", "ALFWorld-v0", "--split", "tran"], "'train'"),
        (["rollout", "ALFWorld-v0", "--with", "gamse=x"], "gamse"),
        (["rollout", "ALFWorld-v0", "--with", "games"], "write it as key=value"),
        (["play", "ALFWorld-v0", "--task", "train/x", "--agent", "oracle"], "train/x"),
    ],
)
def test_mistakes_about_an_environment(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    require("alfworld")
    assert expected in fails(capsys, *arguments)


def test_a_mistake_about_a_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'gigpo'" in fails(capsys, "methods", "show", "gigp")


def test_a_broken_configuration_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[rl\nsteps = 3")
    assert "mine.toml" in fails(capsys, "train", str(file))
    file.write_text("[rl]\nsteeps = 3")
    assert "'steps'" in fails(capsys, "train", str(file))


def test_a_corrupt_game_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    require("alfworld")
    game = tmp_path / "game.tw-pddl"
    game.write_text('{"pddl_domain": 3')
    line = fails(capsys, "rollout", "ALFWorld-v0", "--with", f"games={game}", "-n", "1")
    assert str(game) in line


def test_a_corrupt_model_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    require("transformers")
    (tmp_path / "config.json").write_text("{")
    assert str(tmp_path) in fails(capsys, "eval", str(tmp_path), "--games", "1")


def test_an_existing_file_is_no_run_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    require("torch")
    (tmp_path / "thesis.tex").write_text("…")
    assert "no empty folder" in fails(capsys, "train", "--set", f"run.dir={tmp_path}")


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The installed command line, as a process of its own."""
    command = [sys.executable, "-c", "from agentrl.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload]


def test_no_permission(capsys: pytest.CaptureFixture[str]) -> None:
    """Even root may create nothing in /sys."""
    require("alfworld")
    assert "no permission" in fails(capsys, "rollout", "ALFWorld-v0", "-n", "1", "--out", "/sys/e.jsonl")


def test_no_space(tmp_path: Path) -> None:
    """A limit on file sizes stands for a full disk: the write fails half-way, and nothing half-written stays."""
    require("alfworld")
    out = tmp_path / "e.jsonl"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    result = run("rollout", "ALFWorld-v0", "-n", "3", "--out", str(out), preexec_fn=limit)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1
    assert "no space" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_and_light() -> None:
    heavy = "{'torch', 'transformers', 'textworld', 'alfworld', 'matplotlib', 'tensorboard'}"
    code = f"import sys, agentrl.cli.app; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


COMMANDS = (
    "train|eval|cost|rollout|play|doctor|envs list|envs check|envs export|methods list|methods show|bench env"
    "|bench rollout|bench train"
)


@pytest.mark.parametrize("command", COMMANDS.split("|"))
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, [*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: agentrl {command}" in text
    assert "Example" in text


# -- explain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_space_is_explained(number: int) -> None:
    assert "runs/x: no space" in str(explain(OSError(number, os.strerror(number), "runs/x")))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_no_permission_is_explained(number: int) -> None:
    line = str(explain(OSError(number, os.strerror(number), "runs/x")))
    assert "runs/x: no permission" in line
    assert "run.dir" in line


def test_wrapped_system_errors_are_explained() -> None:
    safetensors = require("safetensors")
    wrapped = safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert "no space" in str(explain(wrapped))


@pytest.mark.parametrize("bug", [ValueError("x"), KeyError("x"), OSError(errno.EPIPE, "x"), AssertionError()])
def test_bugs_are_not_explained_away(bug: Exception) -> None:
    assert explain(bug) is None


def test_a_bug_keeps_its_traceback() -> None:
    broken = typer.Typer()

    @broken.command()
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        exit_code(broken, [])


def test_a_missing_extra_gives_the_line_to_install_it() -> None:
    assert "pip install 'agentrl[text]'" in str(explain(MissingExtraError("alfworld", "text")))


def test_a_value_of_the_wrong_type_is_explained() -> None:
    class Thing(pydantic.BaseModel):
        size: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Thing.model_validate({"size": "big"})
    assert "Thing: size: " in str(explain(caught.value))


@pytest.mark.parametrize(
    ("raised", "said"), [(KeyboardInterrupt(), "interrupted"), (Interrupted("interrupted; continue"), "continue")]
)
def test_ctrl_c_is_130(raised: BaseException, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    interrupted = typer.Typer()

    @interrupted.command()
    def command() -> None:
        raise raised

    assert exit_code(interrupted, []) == 130
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["train", "--set", "rl.steps=7", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rl"]["steps"] == 7
