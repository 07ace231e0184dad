"""`agentrl swe`: from a repository, or a data set, to tasks that can be played."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from agentrl.envs.swe import patches, store
from agentrl.envs.swe.instance import read_instances
from agentrl.envs.swe.workshop import workshop
from tests.conftest import require
from tests.envs.swe.tiny import checkout, need_processes, run

require("libcst")

Cli = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def sandboxes() -> Iterator[None]:
    need_processes()
    yield
    workshop().call(workshop().close())


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command; returns what it printed, or what it complained about."""
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, code: int = 0) -> str:
        assert exit_code(app, arguments) == code, capsys.readouterr().err
        told = capsys.readouterr()
        return told.err if code else told.out

    return call


def test_build_from_a_checkout(cli: Cli, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "tally")
    options = ["--sandbox", "process", "--modifier", "op_change", "--modifier", "undo_commit", "--limit", "2"]
    told = cli("swe", "build", "--repo", str(folder), "--out", "t.jsonl", *options)
    assert 'gym.make("SWE-v0", file="t.jsonl")' in told
    assert "undo_commit" in told
    instances = list(read_instances(tmp_path / "t.jsonl").values())
    assert [instance.instance_id.split(".")[2].split("__")[0] for instance in instances] == ["undo_commit", "op_change"]
    for instance in instances:
        repository = store.find(instance)
        assert patches.apply(patches.apply(repository.files, instance.bug_patch), instance.patch) == repository.files
    summary = json.loads(cli("swe", "build", "--repo", str(folder), "--out", "t.jsonl", *options, "--json"))
    assert summary["tasks"] == 2
    assert summary["repositories"][0]["yield"]["undo_commit"] == {"kept": 1}


def test_import(cli: Cli, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "tally")
    row = {
        "repo": "someone/tally",
        "instance_id": "someone__tally-1",
        "base_commit": run(folder, "rev-parse", "HEAD~2"),
        "patch": "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# tally\n+# Tally\n",
        "test_patch": "",
        "problem_statement": "Wrong title",
        "FAIL_TO_PASS": '["tests/test_a.py::test_b"]',
        "PASS_TO_PASS": "[]",
        "environment_setup_commit": "",
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    assert "clone each, and give it as --repo" in cli("swe", "import", "rows.jsonl", code=2)
    told = cli("swe", "import", "rows.jsonl", "--repo", f"someone/tally={folder}", "--plain", "--out", "t.jsonl")
    assert told.startswith("1 tasks in t.jsonl")
    assert read_instances(tmp_path / "t.jsonl")["someone__tally-1"].image_name == ""
    assert "write it as OWNER/NAME=PATH" in cli("swe", "import", "rows.jsonl", "--repo", "tally", code=2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["build"], "one of --repo PATH, --package NAME==VERSION and --shipped"),
        (["build", "--shipped", "--package", "a==1"], "one of --repo PATH"),
        (["build", "--package", "a==1", "--commit", "v1"], "--commit is of a checkout"),
        (["build", "--repo", "."], "not a git repository"),
        (["build", "--package", "toolz"], "write it as 'toolz==1.0.0'"),
        (["build", "--shipped", "--modifier", "op_chang"], "did you mean 'op_change'"),
        (["build", "--shipped", "--set", "seed=3"], "judge.url and judge.model"),
        (["manifest", "nowhere"], "is no folder"),
    ],
)
def test_mistakes_are_told(cli: Cli, arguments: list[str], reason: str) -> None:
    assert reason in " ".join(cli("swe", *arguments, code=2).split())


@pytest.fixture
def model() -> Iterator[tuple[str, list[str]]]:
    """An endpoint that writes reports; the URL, and what it was asked."""
    asked: list[str] = []

    class Model(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(request["messages"][-1]["content"])
            answer = {"role": "assistant", "content": json.dumps({"report": f"Report {len(asked)}"})}
            reply = json.dumps({"choices": [{"message": answer}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
        server.shutdown()


def test_a_model_writes_the_statements(cli: Cli, tmp_path: Path, model: tuple[str, list[str]]) -> None:
    require("openai")
    url, asked = model
    options = [
        "--modifier",
        "undo_commit",
        "--sandbox",
        "process",
        "--set",
        f"judge.url={url}",
        "--set",
        "judge.model=m",
    ]
    cli("swe", "build", "--repo", str(checkout(tmp_path / "tally")), "--out", "t.jsonl", *options)
    [instance] = read_instances(tmp_path / "t.jsonl").values()
    assert instance.problem_statement == "Report 1\n"
    assert "share(1, 0) == 0.0" in asked[0]
    assert "whole == 0" not in asked[0]
