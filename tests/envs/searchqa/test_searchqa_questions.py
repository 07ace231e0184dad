"""Questions: the answer is the only one, the evidence leads to it, and held-out entities stay held out."""

from __future__ import annotations

import random

import pytest

from agentrl.envs.text.searchqa.questions import HOPS, Question, draw
from agentrl.envs.text.searchqa.relations import STEPS, Step
from agentrl.envs.text.searchqa.researcher import Plan, parse_question, read_sentence
from agentrl.envs.text.searchqa.tasks import SIZES, Bank, Tasks
from agentrl.envs.text.searchqa.world import World, generate
from agentrl.errors import ConfigError, UnknownNameError

SPLITS = ("train", "valid", "test")


def sample(world: World, split: str, hops: int, count: int = 60) -> list[Question]:
    return [draw(world, split, hops, random.Random(i)) for i in range(count)]


def reached(world: World, start: str, steps: tuple[Step, ...]) -> list[set[str]]:
    """All that each step can lead to, found by looking at every fact of the world."""
    places = [{start}]
    for step in steps:
        found: set[str] = set()
        for fact in world.facts:
            if fact.relation == step.relation:
                found |= {fact.object} if step.forward and fact.subject in places[-1] else set()
                found |= {fact.subject} if step.backward and fact.object in places[-1] else set()
        places.append(found)
    return places


def evaluate(world: World, plan: Plan) -> set[str]:
    ends = [reached(world, name, steps) for name, steps in plan.chains]
    if plan.latest is None:
        return ends[0][-1]
    years = {name: year for places in ends for name in places[-2] for year in places[-1]}
    assert len(years) == 2
    wanted = (max if plan.latest else min)(years.values())
    return {name for name, year in years.items() if year == wanted}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("hops", HOPS)
def test_the_answer_is_the_only_one_in_the_whole_world(world: World, split: str, hops: int) -> None:
    for question in sample(world, split, hops):
        plan = parse_question(question.text)
        assert sum(len(steps) for _, steps in plan.chains) == hops == len(question.evidence)
        assert evaluate(world, plan) == {question.answers[0]}, question.text
        assert len({name for name, _ in plan.chains}) == (1 if plan.latest is None else 2)


@pytest.mark.parametrize("hops", HOPS)
def test_the_evidence_says_what_is_needed_in_order(world: World, hops: int) -> None:
    articles = {article.title: article for article in world.articles}
    for question in sample(world, "test", hops):
        told = []
        for evidence in question.evidence:
            said = read_sentence(evidence.title, evidence.fact)
            assert said
            assert said in [read_sentence(evidence.title, s) for s in articles[evidence.title].sentences]
            told.append(said)
        chains = parse_question(question.text).chains
        for name, steps in chains:
            place = name
            for step in steps:
                place = next(found for known, start, found in told.pop(0) if (known, start) == (step.name, place))
        assert told == []
        assert len(chains) == 2 or place == question.answers[0]
        assert set(question.titles) <= {article.title for article in world.articles}


def test_comparisons_years_and_both_directions_occur(world: World) -> None:
    questions = [q for hops in HOPS for q in sample(world, "train", hops, 300)]
    plans = [parse_question(question.text) for question in questions]
    assert {plan.latest for plan in plans} == {None, True, False}
    assert sum(plan.latest is not None for plan in plans) / len(plans) == pytest.approx(0.25 * 3 / 4, abs=0.03)
    followed = {step.name for plan in plans for _, steps in plan.chains for step in steps}
    assert followed == set(STEPS)
    assert any(question.answers[0].isdecimal() for question in questions)


def test_entities_of_held_out_questions_occur_in_no_training_question(world: World) -> None:
    def touched(questions: list[Question]) -> set[str]:
        return {name for q in questions for name in (*q.entities, *q.titles, *q.answers[:1]) if not name.isdecimal()}

    bank = Bank(world)
    train = touched([bank.question("train", hops, i) for hops in HOPS for i in range(1000)])
    for split in ("valid", "test"):
        held_out = touched([bank.question(split, hops, i) for hops in HOPS for i in range(SIZES[split])])
        assert len(held_out) > 50
        assert not held_out & train
    texts = {bank.question("train", hops, i).text for hops in HOPS for i in range(1000)}
    assert len(texts) > 3000
    assert not any(name in text for text in texts for name in held_out)


def test_held_out_questions_differ_from_each_other(world: World) -> None:
    bank = Bank(world)
    for hops in HOPS:
        questions = [bank.question("valid", hops, i) for i in range(SIZES["valid"])]
        assert len({(q.evidence, q.answers) for q in questions}) == SIZES["valid"]


def test_tasks_have_ids_by_split_hops_and_index(world: World) -> None:
    tasks = Tasks(Bank(world), (2, 3, 4))
    ids = tasks.ids("test")
    assert len(ids) == 3 * SIZES["test"]
    assert list(ids[:4]) == ["test/2hop/0", "test/3hop/0", "test/4hop/0", "test/2hop/1"]
    assert ids[-1] == "test/4hop/249"
    assert tasks.kind("test/3hop/17") == "3hop"
    assert tasks.question("test/1hop/0").text, "hops that are not listed can still be asked for"
    assert tasks.question("train/4hop/9999999") == Tasks(Bank(world), (4,)).question("train/4hop/9999999")


@pytest.mark.parametrize(
    "task", ["test/3hop/250", "test/5hop/0", "test/3hop/07", "test/3hop/-1", "3hop/1", "", "tset/1hop/0"]
)
def test_unknown_tasks_are_refused(world: World, task: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown task"):
        Tasks(Bank(world), HOPS).question(task)


@pytest.mark.parametrize("hops", [(), (0,), (2, 5)])
def test_hops_that_do_not_exist_are_refused(world: World, hops: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="name some of 1, 2, 3, 4"):
        Tasks(Bank(world), hops)


def test_the_smallest_world_has_questions_for_every_split() -> None:
    bank = Bank(generate(1, 1000, long=False))
    for split in SPLITS:
        for hops in HOPS:
            assert bank.question(split, hops, SIZES[split] - 1).text
