"""The start-up gate, against rollouts of a real engine that disagrees with the trainer in one way at a time."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

from agentrl.errors import RunStoppedError
from agentrl.trainers.data import Row, make_rows
from agentrl.trainers.gate import check_gate, logprob_gap
from agentrl.types import Group, Outcome, SamplingParams, Task, Turn
from tests.conftest import require

torch = require("torch")
require("transformers")

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.trainers.learner import Learner, LearnerOptions
from tests.trainers.tiny import VOCAB, tiny_model

VERSION = 3
BOUND = 0.05


def make_learner(**options: Any) -> Learner:
    return Learner(tiny_model(), LearnerOptions(**options))


def play(model: Any, *, temperature: float = 1.0, episodes: int = 12, turns: int = 3, version: int = VERSION) -> Group:
    """Episodes of an engine around this model, on random observations."""
    engine = EmbeddedEngine(model, max_context=200)
    rng = np.random.default_rng(0)
    group = Group(Task("Test-v0", "0"))

    async def episode(number: int, observations: np.ndarray) -> None:
        parent, ids = None, []
        for observation in observations.tolist():
            ids += observation
            params = SamplingParams(temperature=temperature, max_tokens=6, seed=number)
            sampled = await engine.generate(ids, params, str(number))
            ids += sampled.token_ids
            parent = group.add(
                Turn(
                    parent, observation, sampled.token_ids, sampled.logprobs, sampled.versions, "", "", {},
                    Outcome.running(),
                )
            )  # fmt: skip

    async def all_episodes() -> None:
        await engine.publish(model.state_dict(), version)
        await asyncio.gather(*(episode(i, rng.integers(2, VOCAB, (turns, 5))) for i in range(episodes)))

    asyncio.run(all_episodes())
    return group


def stopped(learner: Learner, rows: list[Row]) -> str:
    with pytest.raises(RunStoppedError) as caught:
        check_gate(learner, rows, VERSION, BOUND)
    assert f"failures.max_logprob_gap = {BOUND}" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_an_engine_that_agrees_passes(temperature) -> None:
    rows = make_rows([play(tiny_model(), temperature=temperature)])
    gap = check_gate(make_learner(temperature=temperature), rows, VERSION, BOUND)
    assert gap is not None
    assert gap < 1e-5


def test_the_gap_by_hand() -> None:
    row = make_rows([play(tiny_model(), episodes=1, turns=1)])[0]
    wrong = row.logprobs + np.where(row.mask, np.linspace(-1, 1, len(row)), 0).astype(np.float32)
    assert logprob_gap([row], [wrong], VERSION) == pytest.approx(
        np.abs(np.linspace(-1, 1, len(row))[row.mask]).mean(), rel=1e-5
    )


# -- versions --------------------------------------------------------------------------------------------------------


def test_tokens_of_older_weights_rightly_differ() -> None:
    fresh = make_rows([play(tiny_model())])
    stale = make_rows([play(tiny_model(seed=1), version=VERSION - 1)])
    gap = check_gate(make_learner(), stale + fresh, VERSION, BOUND)
    assert gap is not None
    assert gap < 1e-5
    assert check_gate(make_learner(), stale, VERSION, BOUND) is None
    assert check_gate(make_learner(), [], VERSION, BOUND) is None


def test_only_the_new_tokens_of_an_episode_count() -> None:
    # an episode that began on older weights: its first turn is theirs
    row = make_rows([play(tiny_model(), episodes=1)])[0]
    first = slice(row.spans[0].start, row.spans[0].stop)
    row.versions[first] = VERSION - 1
    row.logprobs[first] -= 5
    gap = check_gate(make_learner(), [row], VERSION, BOUND)
    assert gap is not None
    assert gap < 1e-5


# -- causes ----------------------------------------------------------------------------------------------------------


def test_raw_logprobs_are_recognised() -> None:
    # what a server does by default: it samples at 0.6 and returns the log-probs of temperature 1
    rows = make_rows([play(tiny_model(), temperature=0.6)])
    learner = make_learner(temperature=0.6)
    raw = learner.logprobs(rows, temperature=1.0)
    rows = [dataclasses.replace(row, logprobs=array) for row, array in zip(rows, raw, strict=True)]
    assert "--logprobs-mode processed_logprobs" in stopped(learner, rows)


@pytest.mark.parametrize(("engine", "trainer"), [(1.0, 0.6), (0.6, 1.0), (1.3, 0.7)])
def test_another_temperature_is_recognised(engine, trainer) -> None:
    rows = make_rows([play(tiny_model(), temperature=engine)])
    message = stopped(make_learner(temperature=trainer), rows)
    assert f"those of temperature {engine:g}" in message
    assert f"rl.temperature = {trainer:g}: make them equal" in message


def test_rounding_is_recognised() -> None:
    # weights and sums in bfloat16, as a server holds them
    rows = make_rows([play(copy.deepcopy(tiny_model()).to(torch.bfloat16))])
    learner = make_learner()
    gap = logprob_gap(rows, learner.logprobs(rows), VERSION)
    with pytest.raises(RunStoppedError, match="rounding: set engine"):
        check_gate(learner, rows, VERSION, gap / 2)


def test_other_weights_are_recognised() -> None:
    message = stopped(make_learner(), make_rows([play(tiny_model(seed=1))]))
    assert "from the first turn on" in message
    assert "not those of version 3" in message


def test_slightly_other_weights_are_recognised() -> None:
    # an update that never arrived
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    assert "not those of version 3" in stopped(make_learner(), make_rows([play(model)]))


def test_tokens_that_differ_from_some_turn_on_are_recognised() -> None:
    # from the second turn on the engine saw another observation than the one that is trained on
    group = play(tiny_model())
    for turn in group.turns:
        if turn.parent is not None:
            turn.prompt_ids = [2, *list(turn.prompt_ids)[1:]][::-1]
    message = stopped(make_learner(), make_rows([group]))
    assert "agree up to turn 1 and differ from turn 2 on" in message
    assert "chat template" in message


def test_another_first_prompt_is_recognised() -> None:
    group = play(tiny_model())
    for turn in group.turns:
        if turn.parent is None:
            turn.prompt_ids = [2, *turn.prompt_ids]  # a begin token that the engine did not see
    message = stopped(make_learner(), make_rows([group]))
    assert "from the first turn on" in message
    assert "saw another prompt" in message


def test_a_gap_that_is_no_number_does_not_pass() -> None:
    rows = make_rows([play(tiny_model(), episodes=1)])
    rows[0].logprobs[rows[0].mask] = np.nan
    stopped(make_learner(), rows)


def test_turns_of_older_weights_do_not_pass_for_agreement() -> None:
    # the first turns are older, the others differ: nothing is known to agree
    rows = make_rows([play(tiny_model(seed=1))])
    for row in rows:
        row.versions[: row.spans[0].stop] = VERSION - 1
    assert "from the first turn on" in stopped(make_learner(), rows)
