"""`Travel-v0` as it is played."""

from __future__ import annotations

import json
import random
import re
import time
from statistics import mean
from typing import Any, Protocol

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.envs.check import check
from agentrl.envs.text.travel.request import KINDS
from agentrl.envs.text.travel.tasks import load_task
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome


class Player(Protocol):
    def act(self, observation: str) -> str: ...


def make(**kwargs: Any) -> Episode:
    env = gym.make("Travel-v0", **kwargs)
    assert isinstance(env, Episode)
    return env


ENV = make(manual=False)


def play(task: str, *actions: str) -> list[tuple[str, dict[str, Any]]]:
    ENV.reset(options={"task": task})
    return [(text, info) for text, *_, info in map(ENV.step, actions)]


class Oracle:
    """Begins where `ENV` is."""

    def __init__(self) -> None:
        self._actions = ENV.oracle()

    def act(self, observation: str) -> str:
        return next(self._actions)


class Random:
    """Looks up and plans whatever it has read of, and finishes."""

    def __init__(self, seed: int) -> None:
        self._random, self._turns = random.Random(seed), 0
        self._names: list[str] = []

    def act(self, observation: str) -> str:
        self._names += re.findall(r"\b(?!price|walk|bus|cost|visit)[a-z]+ \d\d\b", observation)
        self._turns += 1
        pick = self._random.choice
        day, name = self._random.randrange(1, 6), pick(self._names)
        looks = [f"sights in {name}", f"hotels in {name}", f"trains from {name} to {pick(self._names)} day {day}"]
        plans = [f"plan {name}", f"plan {name} day {day}", "plan reason price"]
        return "finish" if self._turns > 12 else pick(looks + plans)


def episode(task: str, player: Player | None = None, **options: Any) -> tuple[dict[str, Any], int, int]:
    """The last info, the number of turns, and that of words and marks in all texts. By default the demonstrator."""
    text, info = ENV.reset(options={"task": task})
    player = player or ENV.demonstrator(**options)
    if isinstance(player, Oracle):
        player = Oracle()
    turns, words, done = 0, len(re.findall(r"\w+|[^\w\s]", text)), False
    while not done:
        action = player.act(text)
        text, _, terminated, truncated, info = ENV.step(action)
        turns, done = turns + 1, terminated or truncated
        words += len(re.findall(r"\w+|[^\w\s]", action + " " + text))
    return info, turns, words


@pytest.mark.parametrize("kwargs", [{}, {"kinds": ["days", "compare"], "manual": False, "split": "test"}], ids=str)
def test_the_contract_holds(kwargs: dict[str, Any]) -> None:
    report = check("Travel-v0", **kwargs)
    assert report.passed, str(report)


def test_arguments() -> None:
    with pytest.raises(UnknownNameError, match="unknown kind 'dayz'"):
        make(kinds=["dayz"])
    with pytest.raises(ConfigError, match="kinds is empty"):
        make(kinds=[])
    with pytest.raises(UnknownNameError, match="split"):
        make(split="dev")
    assert list(make(kinds="search").tasks("test")[:2]) == ["test/search/0", "test/search/1"]
    assert [ENV.kind(task) for task in ENV.tasks("test")[:5]] == [*KINDS]
    manual = make().reset(options={"task": "test/day/0"})[0]
    bare = ENV.reset(options={"task": "test/day/0"})[0]
    assert manual.endswith(bare)
    assert bare.startswith("Request: ")
    assert "route PLACE to PLACE" in manual


def test_looking_things_up() -> None:
    world = load_task("test/days/0").world
    origin, city, third = world.cities
    (cities, _), *_ = play("test/days/0", "cities")
    assert re.fullmatch(rf"{origin} to {city} km \d+\n{origin} to {third} km \d+\n{city} to {third} km \d+", cities)
    for mode in ("flight", "train"):
        lines = ENV.step(f"{mode}s from {origin} to {city} day 2")[0].splitlines()
        rides = [ride for ride in world.between(origin, city) if ride.mode == mode]
        assert [line.split(" price ")[1] for line in lines] == [f"{r.price(2)} seats {r.seats_on(2)}" for r in rides]
        assert lines == sorted(lines, key=lambda line: line.split()[2])
    sight, hotel = world.sights(city)[0], world.hotels(city)[0]
    facts = f"{sight.name} {sight.theme} price {sight.price} visit {sight.minutes} rating {sight.rating}"
    assert ENV.step(f"sights in {city}")[0].splitlines()[0] == facts
    assert facts in ENV.step(f"  Sights  in {city} THEME {sight.theme}\n")[0]
    assert len(ENV.step(f"hotels in {city}")[0].splitlines()) == 6
    opened = ENV.step(f"hours of {sight.name}")[0]
    for day in range(1, 6):
        listed = sight.name in ENV.step(f"hours in {city} day {day}")[0]
        assert listed == (day not in sight.closed) == (f"closed day {day}" not in opened)
    walk = re.fullmatch(r"walk (\d+) or bus (\d+) price 5", ENV.step(f"route {hotel.name} to {sight.name}")[0])
    assert walk
    near = ENV.step(f"near {hotel.name}")[0].splitlines()
    assert len(near) == 6
    times = [int(line.split()[-1]) for line in near]
    assert times == sorted(times)
    assert int(walk[1]) == times[-1] or f"{sight.name} walk {walk[1]}" in near or int(walk[1]) > times[-1]
    assert ENV.step("route centre to centre")[0] == "walk 0 or bus 0 price 5"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("hotels in nowhere 10", "no city nowhere 10"),
        ("near nothing 10", "no place nothing 10"),
        ("hours of nothing 10", "no sight nothing 10"),
        ("route centre to nothing 10", "no place nothing 10"),
        ("hours in nowhere 10 day 1", "no city nowhere 10"),
        ("plan nothing 10 day 1", "no nothing 10; nothing was added"),
        ("plan reason price", "no such reason here; there are none; nothing was added"),
        ("drop park 10", "no park 10 in the plan"),
        ("show", "the plan is empty"),
    ],
)
def test_what_is_not_there_is_no_mistake(action: str, text: str) -> None:
    ((answer, info),) = play("test/days/0", action)
    assert (answer, info["outcome"]) == (text, Outcome.running())


@pytest.mark.parametrize(
    ("action", "help_"),
    [
        ("", "use cities, flights, trains, hotels, sights, hours, near, route, plan, drop, show, finish"),
        ("fly me home", "use cities, flights"),
        ("flights to rome", "use flights from CITY to CITY day N"),
        ("hours", "use hours in CITY day N or hours of SIGHT"),
        ("plan", "use plan NAME day N"),
        ("plan gallery", "use plan NAME day N"),
        ("plan gallery 31", "use plan NAME day N"),  # several days: which?
        ("plan gallery 31 day 1; nonsense", "use plan NAME day N"),
        ("drop", "use drop NAME or drop all"),
        ("finish" * 400, "at most 2000 characters; use "),
    ],
)
def test_malformed_actions_are_told_the_form(action: str, help_: str) -> None:
    ((text, info), (after, _)) = play("test/days/0", action, "show")
    assert text.startswith(help_)
    assert info["outcome"].status == "invalid_action"
    assert info["rewards"] == {}
    assert after == "the plan is empty"


def test_planning_and_dropping() -> None:
    world = load_task("test/day/0").world
    city = list(world.cities)[1]
    day = load_task("test/day/0").request.first
    one, two = (s.name for s in [s for s in world.sights(city) if day not in s.closed][:2])
    hotel = world.hotels(city)[0].name
    steps = play(
        "test/day/0",
        f"plan {one}",
        f"plan {two} by bus; {hotel}",
        f"plan {two}",
        f"drop {one}",
        f"plan {hotel} day 1 by bus",
    )
    texts = [text for text, _ in steps]
    assert texts[0].startswith(f"{one} day {day} ")
    assert texts[0].splitlines()[-1].startswith("cost ")
    assert texts[1].splitlines()[0].startswith(f"{two} day {day} by bus")
    assert f"{hotel} day {day} problem no night" in texts[1]
    assert texts[2] == f"{two} is in the plan; nothing was added"
    assert texts[3].startswith("cost ")
    assert texts[4] == "by bus one goes to sights; nothing was added"
    assert one not in ENV.step("show")[0]
    assert ENV.step("drop all")[0] == "cost 0"
    many = "; ".join(f"{place} day {d}" for place in world.places for d in (1, 2))
    assert ENV.step(f"plan {many}"[:1999].rpartition(";")[0])[0] == "at most 24 entries; nothing was added"
    assert ENV.step("show")[0] == "the plan is empty"


def test_the_end_shows_the_plan_and_what_was_said_but_no_grades() -> None:
    task = "test/days/3"
    ENV.reset(options={"task": task})
    *actions, last = ENV.oracle()
    steps = play(task, *actions, f"{last} Enjoy Your trip")
    assert [info["rewards"] for _, info in steps[:-1]] == [{}] * len(actions)
    text, info = steps[-1]
    assert all(action.removeprefix("plan ") in text for action in actions)
    assert text.splitlines()[-1] == "said: Enjoy Your trip"
    assert not {"quality", "constraints", "rubric"} & {*re.findall(r"\w+", text)}
    assert info["rewards"].keys() == {"outcome", "constraints", "quality"}
    assert info["outcome"] == Outcome.terminated(success=True)


def test_breaking_one_constraint_fails_and_costs_quality() -> None:
    task = "test/day/1"
    must = next(value for name, value in load_task(task).request.limits if name == "must")
    ENV.reset(options={"task": task})
    actions = list(ENV.oracle())
    good = play(task, *actions)[-1][1]
    bad = play(task, *(a for a in actions if must not in a))[-1][1]
    assert good["rewards"]["constraints"] == good["rewards"]["outcome"] == 1
    assert bad["rewards"]["outcome"] == 0
    assert 0 < bad["rewards"]["constraints"] < 1
    assert bad["rewards"]["quality"] < good["rewards"]["quality"]
    assert bad["outcome"] == Outcome.terminated(success=False)
    assert play(task, "finish")[-1][1]["rewards"] == {"outcome": 0, "constraints": 0, "quality": 0}


def test_the_oracle_goes_on_from_anywhere() -> None:
    for task in ENV.tasks("test")[:5]:
        ENV.reset(options={"task": task})
        actions = list(ENV.oracle())
        for cut in range(len(actions)):
            steps = play(task, *actions[:cut], *(["plan nothing"] if cut % 2 else []))
            steps += [(text, info) for text, *_, info in map(ENV.step, ENV.oracle())]
            assert steps[-1][1]["outcome"].solved
        play(task, *actions[-2:0:-1])  # the wrong way round
        assert [ENV.step(action) for action in ENV.oracle()][-1][4]["outcome"].solved
    assert list(ENV.oracle()) == []


def test_forks_plan_apart() -> None:
    task = "test/days/1"
    ENV.reset(options={"task": task})
    actions = list(ENV.oracle())
    play(task, *actions[:2])
    twin = ENV.fork()
    twin.step("drop all")
    assert not twin.step("finish")[4]["outcome"].solved
    assert [ENV.step(action) for action in actions[2:]][-1][4]["outcome"].solved


def test_references_are_plain_and_leak_nowhere() -> None:
    for task in ENV.tasks("test")[:30]:
        known = ENV.reference(task)
        assert json.loads(json.dumps(known)) == known
        assert known.keys() == {"request", "constraints", "rubric", "entities"}
        assert sum(row["weight"] for row in known["rubric"]) == pytest.approx(1)
        text, info = ENV.reset(options={"task": task})
        assert known["request"] in text
        seen = text + json.dumps(info, default=str)
        for _ in range(2):
            assert not any(row["means"] in seen or str(row["weight"]) in seen for row in known["rubric"])
            step = ENV.step("show")
            seen = step[0] + json.dumps(step[4], default=str)
            assert step[4].keys() == {"task_id", "outcome", "rewards"}
    with pytest.raises(UnknownNameError):
        ENV.reference("test/day/200")


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_beats_the_demonstrator_and_that_beats_chance(kind: str) -> None:
    tasks = [f"test/{kind}/{i}" for i in range(40)]
    by: dict[str, list[dict[str, float]]] = {"oracle": [], "demonstrator": [], "random": []}
    for number, task in enumerate(tasks):
        ENV.reset(options={"task": task})
        by["oracle"].append(episode(task, Oracle())[0]["rewards"])
        info, turns, words = episode(task)
        assert turns <= 20
        assert words < 1_000  # context 2,048, with ceremony
        by["demonstrator"].append(info["rewards"])
        by["random"].append(episode(task, Random(number))[0]["rewards"])
    outcome = {who: mean(r["outcome"] for r in rewards) for who, rewards in by.items()}
    quality = {who: mean(r["quality"] for r in rewards) for who, rewards in by.items()}
    assert outcome["oracle"] == 1
    assert outcome["demonstrator"] >= 0.8
    assert outcome["random"] <= 0.1
    assert quality["oracle"] > 0.7
    assert quality["random"] + 0.3 < quality["demonstrator"] < quality["oracle"] - 0.04


def test_the_demonstrator_errs_on_purpose_and_recovers() -> None:
    tasks = ENV.tasks("train")[:40]
    expert = ENV.demonstrator(seed=1, mistakes=0.5)
    text, _ = ENV.reset(options={"task": tasks[4]})
    before = "the plan is empty"
    while True:
        action = expert.act(text)
        text, _, terminated, truncated, _ = ENV.step(action)
        if terminated or truncated:
            break
        plan = ENV.fork().step("show")[0]
        assert not expert.last_was_mistake or plan == before
        before = plan
    finished = [episode(task, seed=i, mistakes=0.2)[0]["outcome"].solved for i, task in enumerate(tasks)]
    assert mean(finished) >= 0.7
    assert episode(tasks[3], seed=2, mistakes=0.4) == episode(tasks[3], seed=2, mistakes=0.4)
    assert episode(tasks[3], seed=2, mistakes=0.4) != episode(tasks[3], seed=3, mistakes=0.4)


def test_steps_are_quick() -> None:
    scripts = {}
    for task in ENV.tasks("train")[:25]:
        ENV.reset(options={"task": task})
        scripts[task] = list(ENV.oracle())
    begun = time.process_time()
    steps = sum(len(play(task, *actions)) for task, actions in scripts.items())
    assert steps / (time.process_time() - begun) > 2_000  # an idle core: 15,000, resets to known tasks included
