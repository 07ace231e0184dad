"""The engine contract, and training, on real vLLM servers of the main job's architecture.

The reference is `transformers`. The tests stand in one file because they share the servers, one after another.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import re
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

for component in ("torch", "transformers", "aiohttp", "torch.utils.tensorboard"):
    require(component)
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from agentrl.agents.vllm import wire
from agentrl.agents.vllm.engine import VLLMEngine, VLLMOptions
from agentrl.agents.vllm.ring import Ring
from agentrl.errors import RunStoppedError
from agentrl.trainers.loop import train
from agentrl.trainers.policy import plain_weights
from agentrl.trainers.rollout import probe_of
from agentrl.trainers.runs import Run
from agentrl.types import Completion, SamplingParams
from tests.trainers.signs import ASKED, SIGNS, TUTORED
from tests.trainers.small import small
from tests.vllm.conftest import Served

CLOSE = 2e-3
LONG = 1500
"""Tokens; some seconds."""
STEPS = 10
PROMPT = [5 + i * 7 % 200 for i in range(40)]
PARAMS = SamplingParams(temperature=0.7, max_tokens=16, seed=0)


@pytest.fixture(scope="module")
def trainer(lfm2: Served) -> PreTrainedModel:
    """Each test takes one step further: the servers keep what the last one published."""
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(lfm2.model)
    return model.eval()


def step(model: PreTrainedModel) -> PreTrainedModel:
    """Move the weights, and return a copy of what they were."""
    before = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1 * parameter.abs().mean())
    return before


def logprobs(model: PreTrainedModel, context: Sequence[int], tokens: Sequence[int], temperature: float) -> torch.Tensor:
    with torch.no_grad():
        logits = model(torch.tensor([[*context, *tokens]])).logits[0, len(context) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1).gather(1, torch.tensor(list(tokens))[:, None])[:, 0]


def sampled(url: str) -> float:
    """Tokens that a server has sampled in its life."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        return sum(float(n) for n in re.findall(rb"^vllm:generation_tokens_total\{.*\} (\S+)$", answer.read(), re.M))


def until_sampled(url: str, tokens: float) -> None:
    deadline = time.monotonic() + 60
    while sampled(url) < tokens:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def check(done: Completion, models: dict[int, PreTrainedModel], temperature: float) -> None:
    """Each token has the log-prob that the weights of its version give it."""
    for version in set(done.versions):
        expected = logprobs(models[version], PROMPT, done.token_ids, temperature)
        mine = torch.tensor([v == version for v in done.versions])
        torch.testing.assert_close(torch.tensor(done.logprobs)[mine], expected[mine], atol=CLOSE, rtol=0)


def play(served: Served, folder: Path, main: Callable[[VLLMEngine], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        engine = VLLMEngine(VLLMOptions(urls=served.urls, weights_dir=folder / "published", **options))
        try:
            await engine.start()
            await main(engine)
        finally:
            await engine.close()

    asyncio.run(asyncio.wait_for(whole(), 120))


def test_it_samples_and_scores_as_the_trainer_does(lfm2: Served, trainer: PreTrainedModel, tmp_path: Path) -> None:
    async def main(engine: VLLMEngine) -> None:
        assert engine.max_context == trainer.config.max_position_embeddings
        await engine.publish(plain_weights(trainer), 1, probe_of(trainer, PROMPT))
        turns = [dataclasses.replace(PARAMS, seed=i) for i in range(6)]
        done = await asyncio.gather(*(engine.generate(PROMPT, p, f"s{p.seed}") for p in turns))
        assert len({d.token_ids for d in done}) == len(done)
        for turn in done:
            assert turn.finish_reason == "length"
            assert set(turn.versions) == {1}
            check(turn, {1: trainer}, PARAMS.temperature)
        again = await engine.generate(PROMPT, turns[0], "elsewhere")
        assert again.token_ids == done[0].token_ids
        stop = done[0].token_ids[3]
        stopped = await engine.generate(PROMPT, dataclasses.replace(turns[0], stop_token_ids=(stop,)), "s")
        assert stopped.finish_reason == "stop"
        assert stopped.token_ids == done[0].token_ids[: done[0].token_ids.index(stop) + 1]
        scored = torch.tensor(await engine.score(PROMPT, stopped.token_ids))
        torch.testing.assert_close(scored, logprobs(trainer, PROMPT, stopped.token_ids, 1.0), atol=CLOSE, rtol=0)

    play(lfm2, tmp_path, main)


@pytest.mark.parametrize("mode", ["abort", "wait", "keep"])
def test_versions_are_exact_across_a_publish(lfm2: Served, trainer: PreTrainedModel, mode: str, tmp_path: Path) -> None:
    async def main(engine: VLLMEngine) -> None:
        await engine.publish(plain_weights(trainer), 1, probe_of(trainer, PROMPT))
        old = step(trainer)
        probe, before = probe_of(trainer, PROMPT), [await asyncio.to_thread(sampled, url) for url in lfm2.urls]
        ring = Ring(lfm2.urls)
        sessions = [s for url in lfm2.urls for s in [n for n in map(str, range(99)) if ring.node(n) == url][:3]]
        long = [dataclasses.replace(PARAMS, max_tokens=LONG, seed=i) for i in range(6)]
        running = [asyncio.create_task(engine.generate(PROMPT, p, s)) for p, s in zip(long, sessions, strict=True)]
        for url, tokens in zip(lfm2.urls, before, strict=True):
            await asyncio.to_thread(until_sampled, url, tokens + 100)
        report = await engine.publish(plain_weights(trainer), 2, probe)
        assert (report.version, report.replicas, engine.version) == (2, 2, 2)
        assert report.gap < CLOSE
        done = await asyncio.gather(*running)
        for turn in done:
            assert list(turn.versions) == sorted(turn.versions)
            assert len(turn.token_ids) == LONG
            if mode != "keep":  # which goes on with the keys and values of the old weights
                check(turn, {1: old, 2: trainer}, PARAMS.temperature)
        seen = {tuple(sorted(set(turn.versions))) for turn in done}
        assert ((1, 2) in seen) == (mode != "wait")
        check(await engine.generate(PROMPT, PARAMS, "new"), {2: trainer}, PARAMS.temperature)

    play(lfm2, tmp_path, main, update=mode)


def test_a_server_that_keeps_old_weights_stops_the_run(
    lfm2: Served, trainer: PreTrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(engine: VLLMEngine) -> None:
        await engine.publish(plain_weights(trainer), 1, probe_of(trainer, PROMPT))
        old, reload = tmp_path / "old", wire.reload_weights
        (tmp_path / "published" / "v1").rename(old)
        # As a file system does that still shows yesterday's folder: the server answers 200.
        monkeypatch.setattr(wire, "reload_weights", lambda caps, folder: reload(caps, str(old)))
        step(trainer)
        with pytest.raises(RunStoppedError, match=r"does not hold version 2 .* mean \|Δ log-prob\|"):
            await engine.publish(plain_weights(trainer), 2, probe_of(trainer, PROMPT))
        with pytest.raises(RunStoppedError, match="version 2"):
            await engine.generate(PROMPT, PARAMS, "s")

    play(lfm2, tmp_path, main)


@pytest.mark.parametrize("staleness", [0, 2])
def test_ten_versions_are_published_and_verified(lfm2: Served, staleness: int, tmp_path: Path) -> None:
    changes = {
        "model": {"path": str(lfm2.model), "max_context": 256},
        "rl": {"steps": STEPS, "tasks_per_step": 2, "optim": {"lr": 1e-2, "muon_lr": 0.02}},
        "eval": {"every": 0, "test_games": 0},
        "engine": {"kind": "vllm", "urls": lfm2.urls, "train_dtype": "float32", "processes": 1, "sessions": 16},
        "async": {"staleness": staleness},
    }
    train(small(tmp_path / "r", changes))
    rows = Run.open(tmp_path / "r").metrics()
    published = [row["engine/publish_gap"] for row in rows if "engine/publish_gap" in row]
    assert len(published) == STEPS
    assert 0 < max(published) < 2e-3
    gates = [row["rl/gate_gap"] for row in rows if "rl/gate_gap" in row]
    assert 0 < max(gates) < 2e-3
    for url in lfm2.urls:
        with urllib.request.urlopen(f"{url}/weight_info", timeout=10) as answer:
            assert int(json.load(answer)["weight_version"]) >= STEPS


@pytest.mark.parametrize(
    ("method", "env", "rewards"),
    [("igpo", ASKED, []), ("gra", SIGNS, ["outcome", "busywork"]), ("cm2", TUTORED, [])],
)
def test_methods_of_turn_level_credit_train(
    lfm2: Served, method: str, env: str, rewards: list[str], tmp_path: Path
) -> None:
    changes = {
        "env": {"id": env},
        "model": {"path": str(lfm2.model), "max_context": 256},
        "warm_start": {"steps": 60},
        "rl": {"method": method, "rewards": rewards, "steps": 3, "tasks_per_step": 8},
        "eval": {"every": 0, "test_games": 0},
        "engine": {"kind": "vllm", "urls": lfm2.urls, "train_dtype": "float32", "processes": 1, "sessions": 16},
    }
    train(small(tmp_path / "r", changes))
    run = Run.open(tmp_path / "r")
    steps = [row for row in run.metrics() if "rl/flat_groups" in row]
    assert len(steps) == 3
    assert any(row.get("rl/grad_norm", 0.0) > 0 for row in steps), "some group had something to compare"
    turns = [turn for group, _ in run.rollouts(run.rollout_steps()[0]) for turn in group.turns]
    if method == "igpo":
        assert any(turn.rewards.get("information_gain") for turn in turns)
        assert all(row["time/scoring_share"] > 0 for row in steps)


def test_trees_of_tokens_train(lfm2: Served, tmp_path: Path) -> None:
    """A policy that still wavers; the log-probs of its trees are the trainer's."""
    changes = {
        "env": {"id": SIGNS},
        "model": {"path": str(lfm2.model), "max_context": 256},
        "warm_start": {"steps": 10},
        "rl": {"method": "latr", "steps": 2, "tasks_per_step": 4},
        "lookahead": {"overrides": {"tau_abs": 0.001, "tau_rel": 0.999, "lookahead": [2, 3]}},
        "eval": {"every": 0, "test_games": 0},
        "engine": {"kind": "vllm", "urls": lfm2.urls, "train_dtype": "float32", "processes": 1, "sessions": 16},
    }
    train(small(tmp_path / "r", changes))
    steps = [row for row in Run.open(tmp_path / "r").metrics() if "lookahead/trees" in row]
    assert [row["lookahead/trees"] for row in steps] == [4.0, 4.0]
    assert max(row["lookahead/branched"] for row in steps) > 1
    assert all(row["lookahead/cost"] <= 1.3 for row in steps)
    assert all(0 < row["rl/gate_gap"] < CLOSE for row in steps)
