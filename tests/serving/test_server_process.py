"""The server as a process: addresses, the token, signals, worker processes, leases and memory."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import require

require("fastapi")
require("websockets")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect, unix_connect

from tests.serving.api import Answer, Api
from tests.serving.conftest import Server, serving

CORRIDOR, FAULTY = "toy_envs:Corridor-v0", "serving_envs:Faulty-v0"


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The first truth that `condition` tells."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


# -- addresses and the token -----------------------------------------------------------------------------------


def test_a_unix_socket(folder: Path) -> None:
    path = folder / "s.sock"
    with serving(folder, CORRIDOR, unix_socket=path) as server:
        assert server.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        api = Api(server.url)
        api.reset(api.open("Corridor-v0"))
        with unix_connect(str(path), "ws://localhost/ws") as connection:
            connection.send('{"type": "reset"}')
            assert json.loads(connection.recv())["type"] == "observation"
        server.stop()
    with serving(folder, CORRIDOR, unix_socket=path) as server:  # the killed one has left its socket
        assert Api(server.url)("GET", "/health").status == 200
        assert "in use" in refused(CORRIDOR, "--unix-socket", str(path))
        assert server.stop(signal.SIGTERM) == 0
    assert not path.exists()


def refused(*arguments: str) -> str:
    """What `agentrl serve` says to a mistake, in one line."""
    command = "import sys; from agentrl.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "fixtures")}
    done = subprocess.run(
        [sys.executable, "-c", command, "serve", *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_mistakes_on_the_command_line(server: Callable[..., Server]) -> None:
    port = server(CORRIDOR).url.rpartition(":")[2]
    assert "already in use" in refused(CORRIDOR, "--port", port)
    assert "did you mean 'ALFWorld-v0'" in refused("ALFWord-v0", "--port", "0")
    assert "no_such_module" in refused("no_such_module:Env-v0", "--port", "0")
    assert "256.1.1.1" in refused(CORRIDOR, "--host", "256.1.1.1")


def test_the_token(server: Callable[..., Server]) -> None:
    url = server(CORRIDOR, token="sesame").url
    stranger, friend = Api(url), Api(url, {"Authorization": "Bearer sesame"})
    for api in (stranger, Api(url, {"Authorization": "Bearer sesam"}), Api(url, {"Authorization": "sesame"})):
        for method, path in (("GET", "/v1/envs"), ("POST", "/reset"), ("GET", "/metrics"), ("GET", "/nope")):
            answer = api(method, path)
            assert (answer.status, answer.code) == (401, "unauthorized")
    assert stranger("GET", "/health").status == stranger("GET", "/envs/Corridor-v0/health").status == 200
    friend.reset(friend.open("Corridor-v0"))
    websocket = url.replace("http", "ws") + "/ws"
    with pytest.raises(InvalidStatus) as error, connect(websocket):
        pass
    assert error.value.response.status_code == 401
    with connect(websocket, additional_headers=friend.headers) as connection:
        connection.send('{"type": "reset"}')
        assert json.loads(connection.recv())["type"] == "observation"


# -- the end ---------------------------------------------------------------------------------------------------


def test_draining(folder: Path) -> None:
    with serving(folder, CORRIDOR) as server:
        api = Api(server.url)
        session = api.open("Corridor-v0")
        api.reset(session, options={"task": "train/0"})
        server.process.send_signal(signal.SIGTERM)
        health = until(lambda: (answer := api("GET", "/health")).status == 503 and answer)
        assert int(health.headers["retry-after"]) > 0
        new = api("POST", "/v1/sessions", {"env_id": "Corridor-v0"})
        assert (new.status, new.code) == (503, "draining")
        assert int(new.headers["retry-after"]) > 0
        with connect(server.url.replace("http", "ws") + "/ws") as connection:
            assert json.loads(connection.recv())["data"]["code"] == "CAPACITY_REACHED"
        assert "1 of 4" in api.step(session, "right")["observation"]
        api("DELETE", session)
        assert server.process.wait(timeout=10) == 0
    assert server.log.read_text() == ""


@pytest.mark.parametrize("impatient", [False, True])
def test_draining_does_not_last_for_ever(folder: Path, impatient: bool) -> None:
    with serving(folder, CORRIDOR, drain_s=60 if impatient else 0.5) as server:
        api = Api(server.url)
        api.open("Corridor-v0")
        with connect(server.url.replace("http", "ws") + "/ws") as connection:
            connection.send('{"type": "reset"}')
            connection.recv(timeout=20)
            server.process.send_signal(signal.SIGINT)
            if impatient:
                until(lambda: api("GET", "/health").status == 503)
                server.process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed):
                connection.recv(timeout=20)
        assert server.process.wait(timeout=10) == 0


# -- leases and memory -----------------------------------------------------------------------------------------


def test_a_session_nobody_calls_ends(server: Callable[..., Server], tmp_path: Path) -> None:
    api = Api(server(CORRIDOR, FAULTY).url)
    idle, used, busy = (api.open(i, lease_s=1.0) for i in ("Corridor-v0", "Corridor-v0", "Faulty-v0"))
    api.reset(used)
    api.reset(busy)
    caller = threading.Thread(target=lambda: api("POST", f"{busy}/step", {"action": f"wait {tmp_path}/go"}))
    caller.start()
    until(lambda: api("POST", f"{used}/lease").status == 200 and api("GET", idle).status != 200)
    gone = api("POST", f"{idle}/reset")
    assert (gone.status, gone.code) == (410, "session_lost")
    assert "lease of 1 s ran out" in gone.message
    assert api("GET", used).status == 200
    assert api("GET", busy).status == 200  # for as long as its call runs
    (tmp_path / "go").touch()
    caller.join()
    until(lambda: api("GET", busy).code == "session_lost" if api("GET", busy).status != 200 else False)


def test_memory_comes_back(server: Callable[..., Server]) -> None:
    """Smaller than `agentrl bench serve --sessions`: 600 sessions opened, then closed, abandoned or disconnected."""
    running = server("ALFWorld-v0", max_sessions=700)
    api, process = Api(running.url), psutil.Process(running.process.pid)

    def once() -> None:
        places = [api.open("ALFWorld-v0") for _ in range(300)]
        for place in places:
            api.reset(place, seed=1)
            api("POST", f"{place}/snapshot")
        for i, place in enumerate(places):
            api("DELETE", place) if i % 2 else api("POST", f"{place}/lease", {"lease_s": 0.1})
        until(lambda: not api("GET", "/v1/sessions").body["sessions"])
        until(lambda: process.num_fds() < 40 and process.num_threads() < 20)

    once()
    before = process.memory_info().rss
    once()
    assert process.memory_info().rss - before < 8 * 2**20


# -- worker processes ------------------------------------------------------------------------------------------


def workers_of(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def test_workers_share_the_sessions_and_a_dead_one_loses_only_its_own(folder: Path) -> None:
    with serving(folder, FAULTY, CORRIDOR, workers=2, max_sessions=5) as server:
        api = Api(server.url)
        assert len(workers_of(server)) == 2
        sessions = [api.open("Faulty-v0") for _ in range(4)]  # two on each
        calls = [{"session": s.rpartition("/")[2], "call": "reset"} for s in sessions]
        assert [a["observation"] for a in api("POST", "/v1/batch", {"calls": calls}).body["answers"]] == ["ready"] * 4
        answers: list[Answer] = []
        wait = {"action": f"wait {folder}/go"}
        caller = threading.Thread(target=lambda: answers.append(api("POST", f"{sessions[2]}/step", wait)))
        caller.start()
        until((folder / "go.begun").exists)
        died = api("POST", f"{sessions[0]}/step", {"action": "die"})
        caller.join(timeout=20)
        for answer in (died, *answers, api("POST", f"{sessions[0]}/reset")):
            assert (answer.status, answer.code) == (410, "session_lost")
            assert "signal 9" in answer.message
        assert len(answers) == 1
        assert "died (signal 9)" in server.log.read_text()
        for place in (sessions[1], sessions[3]):
            assert api.step(place, "x")["observation"] == "x (1)"
        assert len(api("GET", "/v1/sessions").body["sessions"]) == 2
        fork = api("POST", f"{sessions[1]}/fork")
        assert api.step(f"/v1/sessions/{fork.body['session']}", "y")["observation"] == "y (2)"
        again = until(lambda: (a := api("POST", "/v1/sessions", {"env_id": "Corridor-v0"})).status == 201 and a)
        assert api.reset(f"/v1/sessions/{again.body['session']}")["observation"].startswith("You are at 0")
        assert len(workers_of(server)) == 2
        processes = workers_of(server)
        server.stop()
        psutil.wait_procs(processes, timeout=10)
        assert not any(p.is_running() for p in processes)  # they end with the server, however it ends


def test_sessions_opened_at_once_are_spread(server: Callable[..., Server]) -> None:
    api = Api(server(FAULTY, workers=2).url)
    with ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(api.open, ["Faulty-v0"] * 8))
    api.reset(sessions[0])
    api("POST", f"{sessions[0]}/step", {"action": "die"})
    assert [api("GET", place).status for place in sessions].count(410) == 4


def test_workers_speak_all_that_the_server_speaks(server: Callable[..., Server]) -> None:
    running = server(CORRIDOR, "serving_envs:Walk-v0", workers=1)
    api = Api(running.url)
    session = api.open("Corridor-v0", kwargs={"split": "test"})
    api.reset(session, options={"task": "train/0"})
    first = api.step(session, "right", request_id="a")
    assert api.step(session, "right", request_id="a") == first
    point = api("POST", f"{session}/snapshot").body
    api.step(session, "right")
    assert api("POST", f"{session}/restore", point).status == 204
    assert api("POST", f"{session}/oracle").body == {"actions": ["right"] * 3}
    assert api("GET", f"{session}/tasks?stop=1").body["tasks"] == [{"task_id": "test/0", "kind": ""}]
    assert api("POST", "/v1/sessions", {"env_id": "Corridor-v0", "kwargs": {"split": "no"}}).status == 422
    assert api("POST", f"{session}/step", b'{"action": "\\ud800"}').status == 200
    walk = api.open("Walk-v0")
    api.reset(walk)
    assert api.step(walk, [4, 0.0])["observation"]["at"] == ["inf", "-inf"]
    with connect(running.url.replace("http", "ws") + "/ws") as connection:
        for message in ({"type": "reset", "data": {"task": "train/0"}}, {"type": "step", "data": {"command": "right"}}):
            connection.send(json.dumps(message))
            said = json.loads(connection.recv(timeout=20))
        assert said["data"]["observation"]["text"] == "You are at 1 of 4."


def test_ipv6_and_its_address(folder: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with serving(folder, CORRIDOR, host="::1", port=0) as server:
        assert server.url.startswith("http://[::1]:")
        assert Api(server.url)("GET", "/health").status == 200
