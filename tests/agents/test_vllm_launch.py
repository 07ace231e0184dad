"""Starting vLLM: which flags, and what becomes of the processes.

The supervision is tried on a stand-in for the interpreter that has vLLM, which starts in an instant; `tests/vllm` does
the same with the real one.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agentrl.agents.vllm.flags import ServeOptions, Target, flags, gpus_per_replica, variables
from agentrl.agents.vllm.installed import interpreter
from agentrl.errors import ConfigError

CPU = Target("0.32.0", gpus=(), cores=(0, 1, 2, 3), model_type="qwen3", max_context=40_960, local=True)
GPUS = dataclasses.replace(CPU, gpus=("2", "3", "5", "7"))

STAND_IN = """#!{python}
import json, os, subprocess, sys, http.server
if sys.argv[1] == "-c":  # the question for version, GPUs and model
    print(json.dumps({{"version": "0.32.0", "gpus": [], "model_type": "qwen3", "max_context": 64}}))
    sys.exit()
if "--fail" in sys.argv:
    sys.exit("CUDA out of memory")
child = subprocess.Popen(["sleep", "600"])  # as vLLM has its engine in another process
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(child.pid).encode())
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


def words(options: ServeOptions, target: Target) -> list[str]:
    return [word for setting in flags(options, target) for word in setting.words]


def environment(options: ServeOptions, target: Target, replica: int) -> dict[str, str]:
    return dict(s.words[0].split("=", 1) for s in variables(options, target, replica))


def test_flags_of_a_cpu() -> None:
    found = words(ServeOptions(model="m"), CPU)
    assert found[found.index("--dtype") + 1] == "float32"
    assert found[found.index("--max-num-batched-tokens") + 1] == "40960"
    assert "--no-enable-prefix-caching" not in found
    lfm2 = words(ServeOptions(model="m", max_model_len=512), dataclasses.replace(CPU, model_type="lfm2"))
    assert {"--no-enable-prefix-caching", "--compilation-config", "--no-enable-chunked-prefill"} <= set(lfm2)
    assert lfm2[lfm2.index("--max-num-batched-tokens") + 1] == "8192"


def test_flags_of_gpus() -> None:
    found = words(ServeOptions(model="m", lora_rank=12), GPUS)
    assert found[found.index("--dtype") + 1] == "bfloat16"
    assert found[found.index("--max-lora-rank") + 1] == "16"
    assert found[found.index("--weight-transfer-config") + 1] == '{"backend": "nccl"}'
    assert "--enforce-eager" not in found
    assert "--weight-transfer-config" not in words(ServeOptions(model="m", transfer="none"), GPUS)
    assert "--enable-scale-out" not in words(ServeOptions(model="m"), dataclasses.replace(GPUS, version="0.29.1"))


def test_each_replica_has_its_own_gpus_or_cores() -> None:
    two = ServeOptions(model="m", replicas=2, extra=("--tensor-parallel-size=2",))
    assert [environment(two, GPUS, i)["CUDA_VISIBLE_DEVICES"] for i in range(2)] == ["2,3", "5,7"]
    assert [environment(two, CPU, i)["VLLM_CPU_OMP_THREADS_BIND"] for i in range(2)] == ["0,2", "1,3"]
    assert gpus_per_replica(["--foo", "-tp", "2", "--data-parallel-size=3", "--pipeline-parallel-size", "2"]) == 12
    with pytest.raises(ConfigError, match="3 replicas of 2 GPUs each, and vLLM finds 4"):
        variables(dataclasses.replace(two, replicas=3), GPUS, 0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs GPUs"):
        flags(ServeOptions(model="m", transfer="nccl"), CPU)
    with pytest.raises(ConfigError, match="rank 512 at most"):
        flags(ServeOptions(model="m", lora_rank=513), CPU)
    with pytest.raises(ConfigError, match="wants a number"):
        gpus_per_replica(["--tensor-parallel-size", "two"])


def test_the_interpreter_is_the_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTRL_VLLM_PYTHON", sys.executable)
    assert interpreter() == Path(sys.executable)
    assert interpreter(Path("/bin/sh")) == Path("/bin/sh")
    with pytest.raises(ConfigError, match="no program"):
        interpreter(Path("/nowhere/python"))
    monkeypatch.delenv("AGENTRL_VLLM_PYTHON")
    monkeypatch.setattr("agentrl.agents.vllm.installed.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="--python ENV/bin/python"):
        interpreter()


# -- processes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    return path


def start(python: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from agentrl.cli import main; main()", "engine", "serve", "m"]
    return subprocess.Popen(
        [*command, "--python", str(python), "--port", "0", *arguments],
        env=os.environ | {"PYTHONUNBUFFERED": "1", "TMPDIR": str(python.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it for what runs behind them
    )


@pytest.fixture
def running(stand_in: Path) -> Iterator[tuple[subprocess.Popen[str], list[str], list[psutil.Process]]]:
    """Two replicas: the command, their addresses, and all their processes (both servers, then their children)."""
    process = start(stand_in, "--replicas", "2")
    assert process.stdout is not None
    said = ""
    while "ready:" not in said:
        said = process.stdout.readline()
        assert said
    urls = re.findall(r'"(http://[^"]+)"', said)
    servers = psutil.Process(process.pid).children()
    children = [psutil.Process(int(urllib.request.urlopen(f"{url}/health").read())) for url in urls]
    yield process, urls, [*servers, *children]
    process.kill()
    process.communicate()


def test_the_death_of_a_replica_is_told_and_that_of_the_last_is_the_end(
    running: tuple[subprocess.Popen[str], list[str], list[psutil.Process]],
) -> None:
    process, urls, (first, second, *children) = running
    assert process.stdout is not None
    first.kill()
    assert process.stdout.readline() == f"{urls[0]} has ended; left: {urls[1]}\n"
    psutil.wait_procs(children[:1], 10)
    assert not children[0].is_running()
    assert urllib.request.urlopen(f"{urls[1]}/health").status == 200
    second.kill()
    assert f"{urls[1]} has ended; left: none" in process.stdout.read()
    assert process.wait(60) == 1
    assert not psutil.wait_procs(children, 10)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all(
    number: signal.Signals, running: tuple[subprocess.Popen[str], list[str], list[psutil.Process]]
) -> None:
    process, _, processes = running
    process.send_signal(number)
    assert process.wait(60) == 130
    assert not psutil.wait_procs(processes, 10)[1]


def test_killed_it_takes_its_servers_along(
    running: tuple[subprocess.Popen[str], list[str], list[psutil.Process]],
) -> None:
    """What a server leaves behind then is the server's own affair; vLLM leaves nothing (see `tests/vllm`)."""
    process, _, (first, second, *children) = running
    process.kill()
    assert not psutil.wait_procs([first, second], 10)[1]
    for child in children:
        child.kill()


def test_a_server_that_ends_too_early_shows_the_end_of_its_log(stand_in: Path) -> None:
    begun = time.monotonic()
    said, error = (process := start(stand_in, "--", "--fail")).communicate(timeout=60)
    assert process.returncode == 2
    assert "CUDA out of memory" in said
    assert "has ended before it was ready; its log: " in error
    assert time.monotonic() - begun < 30


def test_a_port_in_use_is_named(stand_in: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, error = (process := start(stand_in, "--port", str(port))).communicate(timeout=60)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in error
