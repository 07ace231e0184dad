"""What a run cost, added up from its turns and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.agents.loop import LOOKAHEAD
from agentrl.config import Price
from agentrl.trainers.costs import Phase, cost_metrics, judge_metrics, run_costs
from agentrl.trainers.runs import Run, RunWriter
from agentrl.types import Group, Outcome, Task, Turn
from tests.conftest import require

PRICE = Price(input=2.0, cached=0.5, output=10.0)
FREE = Price()
SOLVED, CUT = Outcome.terminated(success=True), Outcome.truncated("max_turns")


def turn(parent: int | None, outcome: Outcome | None = None, *, actor: str = "", **cost: float) -> Turn:
    made = Turn(parent, [1], [2], [-0.5], [0], "o", "a", {"outcome": 0.0}, outcome or Outcome.running())
    made.actor, made.cost = actor, cost
    made.timing = {"queue": 9.0, "engine": 1.0, "environment": 0.5, "monitor": 0.25}
    return made


def tokens(prompt: int, cached: int, completion: int) -> dict[str, float]:
    return {"prompt_tokens": prompt, "cached_tokens": cached, "completion_tokens": completion}


def group(*turns: Turn) -> Group:
    return Group(Task("T-v0", "t"), list(turns))


def counted(*groups: Group, price: Price = FREE, paid: Price = FREE) -> Phase:
    phase = Phase()
    for one in groups:
        phase.count(one, price, paid)
    return phase


def test_cached_input_has_a_price_of_its_own_or_that_of_input() -> None:
    assert PRICE.money(tokens(1_000_000, 400_000, 100_000)) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 10)
    assert Price(input=2.0, output=1.0).cached == 2.0
    assert Price(input=2.0, cached=0.0).cached == 0.0
    assert not FREE.given


def test_by_hand() -> None:
    first = turn(None, **tokens(100, 0, 10))
    last = turn(0, SOLVED, **tokens(150, 110, 20))
    lost = Turn(None, (), (), (), (), "", "", {}, Outcome.infra_error("gone"))
    found = counted(group(first, last, lost), price=PRICE).to_json()
    money = (100 * 2 + 10 * 10 + 40 * 2 + 110 * 0.5 + 20 * 10) / 1e6
    each = {"tokens": 280, "money": pytest.approx(money), "seconds": 3.5}
    assert found == {
        "episodes": 1,
        "solved": 1,
        "turns": 2,
        "prompt_tokens": 250,
        "cached_tokens": 110,
        "completion_tokens": 30,
        "money": pytest.approx(money),
        "engine_s": 2.0,
        "environment_s": 1.0,
        "judge_s": 0.5,
        "actors": {},
        "per_episode": each,
        "per_solved": each,
    }


def test_what_several_rollouts_share_is_paid_once() -> None:
    root = turn(None, **tokens(100, 0, 10))
    leaves = [turn(0, outcome, **tokens(150, 110, 20)) for outcome in (SOLVED, CUT)]
    phase = counted(group(root, *leaves))
    assert (phase.episodes, phase.solved) == (2, 1)
    assert (phase.total().turns, phase.total().prompt_tokens, phase.total().completion_tokens) == (3, 400, 50)
    assert phase.total().money is None


def test_nobody_solved_it() -> None:
    found = counted(group(turn(None, CUT, **tokens(100, 0, 10)))).to_json()
    assert found["per_solved"] is None
    assert found["per_episode"]["tokens"] == 110
    assert counted().to_json()["per_episode"] is None


@pytest.mark.parametrize(
    ("note", "more"),
    [
        ({"level": "turn", "tokens": 90, "wasted": 30, "returned": 80}, 30),
        ({"level": "token", "tokens": 90, "wasted": 30, "returned": 60}, 30),
        ({"level": "token", "tokens": 50, "wasted": 0, "returned": 60}, -10),
    ],
)
def test_tokens_of_a_tree_that_no_turn_has(note: dict[str, Any], more: int) -> None:
    searched = group(turn(None, SOLVED, **tokens(100, 0, 60)))
    searched.notes[LOOKAHEAD] = note
    total = counted(searched, price=PRICE).total()
    assert total.completion_tokens == 60 + more
    assert total.money == pytest.approx((100 * 2 + (60 + more) * 10) / 1e6)


def routed(actor: str, money: float, paid: Price) -> Turn:
    own = tokens(100, 0, 1)
    executor = {"executor_prompt_tokens": 40, "executor_completion_tokens": 5, "executor_seconds": 0.375}
    return turn(None, SOLVED, actor=actor, money=money + paid.money(own), **own, **executor)


@pytest.mark.parametrize("paid", [FREE, PRICE])
def test_who_acts_for_the_policy_has_a_row_of_its_own(paid: Price) -> None:
    groups = [group(routed(actor, money, paid)) for actor, money in (("small", 0.1), ("large", 0.5), ("small", 0.2))]
    found = counted(*groups, price=paid, paid=paid).to_json()
    actors = found["actors"]
    assert list(actors) == ["policy", "small", "large"]
    assert [actors[name]["turns"] for name in actors] == [3, 2, 1]
    assert actors["small"]["money"] == pytest.approx(0.3)
    assert actors["large"]["money"] == pytest.approx(0.5)
    assert (actors["small"]["prompt_tokens"], actors["small"]["completion_tokens"]) == (80, 10)
    assert (actors["small"]["engine_s"], actors["policy"]["engine_s"]) == (0.75, 3.0)
    assert actors["policy"]["environment_s"] == pytest.approx(3 * 0.125)
    assert actors["policy"]["money"] == (pytest.approx(3 * paid.money(tokens(100, 0, 1))) if paid.given else None)
    assert (found["turns"], found["prompt_tokens"], found["engine_s"]) == (3, 420, 4.125)
    assert found["money"] == pytest.approx(cost_metrics(groups)["money"])
    anew = counted(*groups, price=Price(input=7.0), paid=paid)
    assert anew.actors["policy"].money == pytest.approx(300 * 7 / 1e6)
    assert anew.actors["large"].money == pytest.approx(0.5)


counts = st.tuples(st.integers(0, 9999), st.integers(0, 9999), st.integers(0, 999))


@given(st.lists(st.tuples(counts, st.sampled_from(["", "small", "large"]), st.floats(0, 10)), min_size=1))
def test_the_phases_add_up_to_what_the_turns_say(played: Sequence[tuple[tuple[int, int, int], str, float]]) -> None:
    groups = []
    for (fresh, cached, completion), actor, executor in played:
        own = tokens(fresh + cached, cached, completion)
        money = PRICE.money(own) + (executor if actor else 0.0)
        groups.append(group(turn(None, SOLVED, actor=actor, money=money, **own)))
    total, metrics = counted(*groups, price=PRICE, paid=PRICE).total(), cost_metrics(groups)
    assert total.money == pytest.approx(metrics["money"])
    assert (total.prompt_tokens, total.cached_tokens) == (metrics["prompt_tokens"], metrics["cached_tokens"])
    assert total.turns == len(played)


def test_judges_are_added_up_over_processes() -> None:
    part = {"requests": 2.0, "prompt_tokens": 1000.0, "completion_tokens": 100.0, "seconds": 1.5}
    both = judge_metrics([part, {}, part], PRICE)
    assert both["judge/requests"] == 4
    assert both["judge/money"] == pytest.approx((2000 * 2 + 200 * 10) / 1e6)
    assert "judge/money" not in judge_metrics([part], FREE)
    assert judge_metrics([{}, {}], PRICE) == {}


def test_a_run_folder(tmp_path: Path) -> None:
    require("torch.utils.tensorboard")
    with RunWriter.create(tmp_path / "r", "[engine.price]\ninput = 2.0\ncached = 0.5\noutput = 10.0\n") as run:
        run.log(10, {"warm_start/tokens": 70, "warm_start/trained_tokens": 700})
        run.log(11, {"warm_start/tokens": 70, "warm_start/trained_tokens": 770})
        for step in (12, 13):
            run.save_rollouts(step, [group(turn(None, CUT, **tokens(100, 0, 10)))])
            judge = {"judge/requests": 3, "judge/prompt_tokens": 90, "judge/seconds": 2.0, "judge/money": 0.25}
            run.log(step, {"rl/episodes": 1, "rl/tokens": 110, "engine/discarded": step - 12, **judge})
        for step in (11, 13):
            run.log(step, {"test/episodes": 1})
        run.save_rollouts(13, [group(turn(None, SOLVED, **tokens(50, 0, 5)))], purpose="test")
    found = run_costs(Run.open(tmp_path / "r"))
    assert list(found["phases"]) == ["RL", "test"]
    assert (found["phases"]["RL"]["episodes"], found["phases"]["RL"]["completion_tokens"]) == (2, 20)
    assert found["phases"]["test"]["per_solved"]["money"] == pytest.approx(150 / 1e6)
    assert found["trained_tokens"] == {"warm start": 770, "RL": 220}
    assert found["judge"] == {"requests": 6, "prompt_tokens": 180, "seconds": 4.0, "money": 0.5}
    assert found["money"] == pytest.approx(2 * 300 / 1e6 + 150 / 1e6 + 0.5)
    assert found["missing"] == [
        "test: the turns of 1 of 2 are not in the run folder",
        "RL: 1 sampled tokens that are in no turn, since it could not be completed",
    ]
    assert run_costs(Run.open(tmp_path / "r"), Price(output=1.0))["phases"]["RL"]["money"] == pytest.approx(20 / 1e6)


def test_an_old_run_says_what_it_lacks(tmp_path: Path) -> None:
    require("torch.utils.tensorboard")
    with RunWriter.create(tmp_path / "r", "seed = 0\n") as run:
        run.log(10, {"warm_start/tokens": 70})
        run.log(11, {"rl/episodes": 1, "valid/episodes": 3, "time/scoring_share": 0.25})
        run.save_rollouts(11, [group(turn(None, CUT, **tokens(100, 0, 10)))])
    found = run_costs(Run.open(tmp_path / "r"))
    assert (found["money"], found["price"]) == (None, None)
    assert [gap.partition(":")[0] for gap in found["missing"]] == [
        "money",
        "tokens of the warm start",
        "validation",
        "tokens that the engine scored for information gain; their time is time/scoring_share",
    ]
    priced = run_costs(Run.open(tmp_path / "r"), PRICE)
    assert priced["money"] == pytest.approx(300 / 1e6)
    assert not [gap for gap in priced["missing"] if gap.startswith("money")]
