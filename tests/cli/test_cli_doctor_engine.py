"""`agentrl doctor --engine` on servers that lack something; on one that is fit, see `tests/vllm`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.conftest import require

for component in ("aiohttp", "fastapi", "uvicorn"):
    require(component)

from agentrl.agents.vllm.fake import FakeServer, ScriptedPolicy
from agentrl.cli.app import app
from agentrl.cli.errors import exit_code


def report(capsys: pytest.CaptureFixture[str], release: str, **flags: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and findings of a fake server."""

    async def main() -> int:
        async with FakeServer(release, ScriptedPolicy(), **flags) as server:
            return await asyncio.to_thread(exit_code, app, ["doctor", "--engine", server.url, "--json"])

    code = asyncio.run(asyncio.wait_for(main(), 60))
    return code, {f["name"]: f for f in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize("release", ["0.22.0", "0.33.0"])
def test_a_fit_server_passes(release: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = report(capsys, release)
    assert code == 0, found
    assert found["version"]["detail"] == f"vLLM {release}"
    assert found["prompt ids"]["ok"]
    assert found["token exactness"]["ok"]
    assert ("weight version" in found) == (release == "0.33.0")


def test_raw_log_probs_are_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = report(capsys, "0.32.0", logprobs_mode="raw_logprobs")
    assert code == 1
    assert not found["log-prob mode"]["ok"]
    assert "--logprobs-mode processed_logprobs" in found["log-prob mode"]["detail"]
    assert found["token exactness"]["ok"]


def test_missing_routes_are_named_with_what_brings_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = report(capsys, "0.32.0", dev_mode=False)
    assert code == 1
    assert not found["ways to publish"]["ok"]
    assert "/collective_rpc; set VLLM_SERVER_DEV_MODE=1" in found["collective_rpc"]["detail"]
    assert "--enable-lora" in found["lora"]["detail"]


def test_several_servers_and_one_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    urls = ["http://127.0.0.1:9", "http://127.0.0.1:11"]
    assert exit_code(app, ["doctor", "--engine", urls[0], "--engine", urls[1], "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [f["name"] for f in found] == [f"{url} answers" for url in urls]
    assert "does not answer /version" in found[0]["detail"]
