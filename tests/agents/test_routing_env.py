"""Routing as an environment: who acts, what it costs, what everybody sees, and that a budget is never exceeded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from tests.conftest import require

require("transformers")

from agentrl.agents.journal import Journal
from agentrl.agents.loop import AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.agents.routing.boundaries import Boundary, Runs
from agentrl.agents.routing.budget import admit
from agentrl.agents.routing.play import lost, play_routers
from agentrl.agents.routing.routers import Always, FirstK, Mask, Mix, Threshold
from agentrl.types import Group, SamplingParams, Task, total
from tests.agents.routed import LARGE, RENDERERS, SMALL, Told, engine_of, executor, pair, steps, vault

TASK = Task("Vault-v0", "vault/0")


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_the_router_sees_who_did_what() -> None:
    small, large = pair()
    env = vault([small, large])
    first, *rest = run(steps(env, ["small", "large", "large", "large"]))
    assert first[0] == "You stand before vault/0."
    texts, infos = zip(*rest, strict=True)
    assert texts[0].startswith("small> wait ")
    assert texts[0].endswith("\nNothing happens.")
    assert [text.partition(">")[0] for text in texts] == ["small", "large", "large", "large"]
    assert texts[3].endswith("\nClick 3.")
    assert [info["actor"] for info in infos] == ["small", "large", "large", "large"]
    assert [info["outcome"].status for info in infos] == ["running", "running", "running", "terminated"]
    assert infos[0]["admissible_commands"] == ["small", "large"]
    assert infos[3]["admissible_commands"] == []
    assert infos[3]["rewards"]["outcome"] == 1.0


def test_every_executor_sees_the_whole_history_in_its_own_words() -> None:
    small = executor("small", lambda seed: "wait", SMALL, family="chatml")
    large = executor("large", lambda seed: "turn", LARGE, family="llama3")
    run(steps(vault([small, large]), ["small", "large", "small"]))
    chatml, llama = RENDERERS["chatml"], RENDERERS["llama3"]
    first, nothing, click = "You stand before vault/0.", "Nothing happens.", "Click 1."
    waits, turns = chatml.action("wait"), chatml.action("turn")
    prompts = [asked[1] for asked in engine_of(small).asked]
    assert prompts[0] == chatml.first(first)
    assert prompts[1] == [*prompts[0], *waits, *chatml.next(waits, nothing), *turns, *chatml.next(turns, click)]
    (prompt,) = [asked[1] for asked in engine_of(large).asked]
    assert prompt == [*llama.first(first), *llama.action("wait"), *llama.next(llama.action("wait"), nothing)]


def test_costs_are_those_of_the_tokens() -> None:
    small, large = pair()
    rest = run(steps(vault([small, large]), ["small", "large", "small"]))[1:]
    (_, one, _), (_, three, _) = engine_of(small).asked
    (_, two, _) = engine_of(large).asked[0]
    costs = [info["cost"] for _, info in rest]
    assert [cost["executor_prompt_tokens"] for cost in costs] == [len(one), len(two), len(three)]
    said = [cost["executor_completion_tokens"] for cost in costs]
    assert costs[0]["money"] == pytest.approx((len(one) * 1.0 + said[0] * 4.0) / 1e6)
    assert costs[1]["money"] == pytest.approx((len(two) * 10.0 + said[1] * 40.0) / 1e6)
    cached = len(one) + said[0]  # what its session has sent and got
    assert costs[2]["money"] == pytest.approx(((len(three) - cached) * 1.0 + cached * 0.5 + said[2] * 4.0) / 1e6)


@pytest.mark.parametrize("said", ["", "medium", "Small", "small large"])
def test_what_is_no_name_lets_the_cheapest_act(said: str) -> None:
    (_, info) = run(steps(vault(pair()), [said]))[1]
    assert info["actor"] == "small"
    assert info["outcome"].status == "invalid_action"


def test_what_an_executor_does_wrong_is_not_the_router_s_mistake() -> None:
    (_, info) = run(steps(vault(pair()), ["small"]))[1]
    assert info["outcome"].status == "running"


def test_rollouts_that_choose_alike_see_alike_and_seeds_differ() -> None:
    names = ["small", "small", "large", "small"]
    one, two, other = (run(steps(vault(pair()), names, seed)) for seed in (1, 1, 2))
    assert [text for text, _ in one] == [text for text, _ in two]
    assert [text for text, _ in one] != [text for text, _ in other]
    waits = [text for text, info in one if info.get("actor") == "small"]
    assert len(set(waits)) == len(waits)  # every turn draws anew


def test_forks_go_on_independently() -> None:
    async def play() -> None:
        env = vault(pair())
        await env.reset_async(options={"task": "vault/0"})
        await env.step_async("large")
        twin, snapshot = env.fork(), env.snapshot()
        ends = [[(await one.step_async(name))[0] for name in ("large", "large")] for one in (env, twin)]
        env.restore(snapshot)
        again = [(await env.step_async(name))[0] for name in ("large", "large")]
        assert ends[0] == ends[1] == again
        assert ends[0][1].endswith("Click 3.")

    run(play())


def test_sessions_end_with_their_episodes() -> None:
    small, large = pair()
    env = vault([small, large])
    run(steps(env, ["large", "large", "large"]))
    assert {asked[0] for asked in engine_of(large).asked} <= set(engine_of(large).released)
    env.reset(options={"task": "vault/0"})
    env.close()
    assert len(engine_of(small).released) == 2


def test_steps_want_an_event_loop() -> None:
    env = vault(pair())
    env.reset(options={"task": "vault/0"})
    with pytest.raises(ConfigError, match="step_async"):
        env.step("small")


# -- budgets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "allowed", "actor"),
    [
        (1, [True, True], 1),
        (1, [True, False], 0),
        (0, [True, False], 0),
        (0, [False, False], None),
        (0, [False, True], None),
        (1, [False, False], None),
        (2, [True, False, True], 2),
        (2, [True, True, False], 1),
    ],
)
def test_masks(wanted: int, allowed: list[bool], actor: int | None) -> None:
    assert admit(wanted, allowed) == actor


def test_a_budget_stops_the_large_one_first_and_then_the_episode() -> None:
    small, large = pair()
    small_alone = [i["cost"]["money"] for _, i in run(steps(vault([small, large]), ["small"] * 5))[1:]]
    (large_once,) = [i["cost"]["money"] for _, i in run(steps(vault([small, large]), ["large"]))[1:]]
    assert large_once > sum(small_alone[:3])
    found = run(steps(vault([small, large], large_once), ["large"] * 12))
    infos = [info for _, info in found[1:]]
    assert {info["actor"] for info in infos} == {"small"}  # its longest answer would cost more than this one did
    assert infos[-1]["outcome"].reason == "budget"
    assert infos[-1]["outcome"].status == "truncated"
    assert found[0][0].endswith("\nBudget left: 100%")
    assert "Budget left" not in found[-1][0]
    nothing = run(steps(vault([small, large], 1e-9), ["small"]))
    assert nothing[0][1]["admissible_commands"] == []
    assert nothing[1][1]["outcome"].reason == "budget"
    assert "actor" not in nothing[1][1]


def test_a_budget_that_is_not_told_holds_all_the_same() -> None:
    told = run(steps(vault(pair(), 0.0002), ["small"] * 40))
    untold = run(steps(vault(pair(), 0.0002, tell_budget=False), ["small"] * 40))
    assert all("Budget left" not in text for text, _ in untold)
    assert untold[-1][1]["outcome"] == told[-1][1]["outcome"]
    assert len(untold) == len(told)


prices = st.fixed_dictionaries(
    {name: st.floats(0, 1e3, allow_subnormal=False) for name in ("input", "cached", "output")}
)


@settings(max_examples=60)
@given(
    prices=st.lists(prices, min_size=2, max_size=3),
    longest=st.integers(1, 60),
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=8),
    choices=st.lists(st.sampled_from(["e0", "e1", "e2", "draft e0", "draft e1", "?"]), min_size=1, max_size=12),
    budget=st.floats(1e-7, 0.3),
)
def test_a_budget_is_never_exceeded(
    prices: list[dict[str, float]], longest: int, lengths: list[int], choices: list[str], budget: float
) -> None:
    executors = [
        executor(f"e{i}", lambda seed: "x" * lengths[seed % len(lengths)], price, max_tokens=longest)
        for i, price in enumerate(prices)
    ]
    env = vault(executors, budget)

    async def play() -> float:
        await env.reset_async(options={"task": "vault/0"})
        spent = 0.0
        for choice in choices:
            if choice.startswith("draft ") and choice[6:] in env.names:
                await env.draft(choice[6:])
            _, _, _, _, info = await env.step_async(choice.removeprefix("draft "))
            spent += info.get("cost", {}).get("money", 0.0)
            if info["outcome"].done:
                break
        return spent

    spent = run(play())
    assert spent <= budget * (1 + 1e-12)  # summed here in another order
    assert all(
        len(asked[2:]) == 1 and asked[2].max_tokens == longest for e in executors for asked in engine_of(e).asked
    )


# -- rewards ---------------------------------------------------------------------------------------------------


def known(small: float, large: float, low: float, high: float) -> Boundary:
    return Boundary("vault/0", Runs(small, low, {"outcome": small}), Runs(large, high, {"outcome": large}))


def test_costs_add_up_to_the_excess_however_the_episode_ends() -> None:
    boundary = known(0.0, 1.0, 0.0005, 0.01)
    for names in (["small"] * 4, ["large"] * 3, ["small", "large", "small", "large", "large"]):
        infos = [info for _, info in run(steps(vault(pair(), 0.0, boundary), names))[1:]]
        spent = sum(info["cost"]["money"] for info in infos)
        assert sum(info["rewards"]["cost"] for info in infos) == pytest.approx(-boundary.excess(spent))
        assert sum(info["rewards"]["hard"] for info in infos) == float(infos[-1]["outcome"].solved)


def test_success_in_an_easy_task_earns_no_bonus() -> None:
    infos = [info for _, info in run(steps(vault(pair(), 0.0, known(1.0, 1.0, 0.0, 1.0)), ["large"] * 3))[1:]]
    assert infos[-1]["outcome"].solved
    assert [info["rewards"]["hard"] for info in infos] == [0.0, 0.0, 0.0]


def test_unknown_boundaries_give_no_rewards_of_their_own() -> None:
    env = vault(pair())
    (_, info) = run(steps(env, ["small"]))[1]
    assert not {"hard", "cost"} & info["rewards"].keys()
    assert "anchors" not in env.reference("vault/0")
    assert vault(pair(), 0.0, known(0, 1, 0, 1)).reference("vault/0")["anchors"][1]["hard"] == 1.0


# -- rules -----------------------------------------------------------------------------------------------------


def actors(router: Any, executors: Any = None, budget: float = 0.0, seeds: int = 1) -> list[list[str]]:
    tasks = [Task("Vault-v0", "vault/0", seed) for seed in range(seeds)]
    limits = Limits(turns=6)
    played = run(play_routers(lambda: vault(executors or pair(), budget), [(t, router) for t in tasks], limits))
    return [[turn.actor for turn in turns] for turns in played]


def test_rules() -> None:
    assert actors(Always("small")) == [["small"] * 6]
    assert actors(Always("large")) == [["large"] * 3]
    assert actors(FirstK(2)) == [["large"] * 2 + ["small"] * 4]
    assert actors(Mask(("small", "large"))) == [["small", "large", "large", "large"]]
    assert actors(Mix(0.0)) == actors(Always("small"))
    assert actors(Mix(1.0)) == actors(Always("large"))
    mixed = actors(Mix(0.3), seeds=60)
    assert 0.2 < sum(name == "large" for names in mixed for name in names) / sum(map(len, mixed)) < 0.4
    assert len({tuple(names) for names in mixed}) > 5


def test_a_threshold_pays_for_its_drafts() -> None:
    for bound, name, paid in ((-0.3, "small", 1), (-0.2, "large", 2)):  # drafts have a mean log-prob of −0.25
        executors = pair()
        (turns,) = run(play_routers(lambda: vault(executors), [(TASK, Threshold(bound))], Limits(turns=2)))  # noqa: B023
        assert [turn.actor for turn in turns] == [name] * 2
        assert len(engine_of(executors[0]).asked) == 2
        assert len(engine_of(executors[1]).asked) == 2 * (paid - 1)
        prompts = [len(asked[1]) for e in executors for asked in e_asked(e)[:1]]
        assert turns[0].cost["executor_prompt_tokens"] == sum(prompts)


def e_asked(executor: Any) -> list[Any]:
    return engine_of(executor).asked


def test_a_failing_executor_is_tried_again_and_then_given_up() -> None:
    executors = pair()
    engine_of(executors[0]).failing = {2}
    (turns,) = run(play_routers(lambda: vault(executors), [(TASK, Always("small"))], Limits(turns=3, retries=1)))
    assert len(turns) == 3
    engine_of(executors[0]).failing = set(range(100))
    (turns,) = run(play_routers(lambda: vault(executors), [(TASK, Always("small"))], Limits(turns=3, retries=1)))
    assert lost(turns)
    assert turns[-1].outcome.reason == "the server is gone"


# -- in the agent loop -------------------------------------------------------------------------------------------


def routed_loop(executors: Any, names: list[str]) -> AgentLoop:
    engine: Any = Told(RENDERERS["chatml"], lambda seed: names[seed % len(names)])
    agent = LLMAgent(engine, RENDERERS["chatml"], SamplingParams(max_tokens=20))
    return AgentLoop(lambda _: vault(executors), agent, Limits(turns=12, failure_rate=1.0))


def collect(loop: AgentLoop, tmp_path: Path) -> Group:
    spec = RolloutSpec(TASK, 4, seed=3)
    return run(loop.group(spec, loop.places(), Journal(tmp_path).begin(0, spec)))


def test_a_router_is_a_policy_like_any_other(tmp_path: Path) -> None:
    plain = collect(routed_loop(pair(), ["small", "large", "nobody"]), tmp_path / "plain")
    executors = pair()
    engine_of(executors[1]).failing = {3, 5}
    failing = collect(routed_loop(executors, ["small", "large", "nobody"]), tmp_path / "failing")
    again = collect(routed_loop([], ["small"]), tmp_path / "failing")  # all of it is in the journal
    shown = [
        [(g.turns[i].actor, g.turns[i].feedback) for p in g.rollouts() for i in p] for g in (plain, failing, again)
    ]
    assert shown[0] == shown[1] == shown[2]
    assert sum(turn.outcome.status == "infra_error" for turn in failing.turns) >= 2  # and was replayed
    turns = [plain.turns[i] for p in plain.rollouts() for i in p]
    assert {turn.actor for turn in turns} == {"small", "large"}
    assert all(turn.cost["money"] > 0 for turn in turns)
    assert {turn.actor for turn in turns if turn.action == "nobody"} == {"small"}
    assert any(total([plain.turns[i] for i in p], "outcome") == 1.0 for p in plain.rollouts())
