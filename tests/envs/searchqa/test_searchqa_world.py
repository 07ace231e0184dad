"""The generated world: what is true, and whether the articles tell it, once each and nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from agentrl.envs.text.searchqa.relations import RELATIONS, STEPS
from agentrl.envs.text.searchqa.researcher import read_sentence
from agentrl.envs.text.searchqa.world import SPLITS, World, generate
from agentrl.errors import ConfigError


def digest(world: World) -> str:
    text = "\n".join(f"{article.title}: {' '.join(article.sentences)}" for article in world.articles)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_seed_is_the_same_world_on_every_machine() -> None:
    world = generate(0, 1000, long=False)
    assert digest(world) == "82aa09caa65b1cda", (
        "other articles: say so in the release notes, for results change with them"
    )
    assert digest(generate(0, 1000, long=False)) == digest(world)
    assert digest(generate(1, 1000, long=False)) != digest(world)


def test_what_the_articles_say_is_what_is_true(world: World) -> None:
    said = Counter(
        (step, name, found)
        for article in world.articles
        for sentence in article.sentences
        for step, name, found in read_sentence(article.title, sentence)
    )
    true = {
        triple
        for fact in world.facts
        for step in STEPS.values()
        if step.relation == fact.relation
        for triple, follows in (
            ((step.name, fact.subject, fact.object), step.forward),
            ((step.name, fact.object, fact.subject), step.backward),
        )
        if follows
    }
    assert said.keys() == true
    assert set(said.values()) == {1}, "a fact is told twice"


def test_some_facts_stand_only_in_the_article_about_their_object(world: World) -> None:
    elsewhere = Counter(fact.relation for fact in world.facts if fact.title != fact.subject)
    assert elsewhere.keys() == {relation.name for relation in RELATIONS.values() if relation.other}
    assert 0.1 < elsewhere.total() / len(world.facts) < 0.25
    assert {fact.title for fact in world.facts if fact.title != fact.subject} <= {f.object for f in world.facts}


def test_every_template_is_used(world: World) -> None:
    sentences = {(fact.relation, fact.title == fact.subject): 0 for fact in world.facts}
    assert len(sentences) == len(RELATIONS) + sum(bool(relation.other) for relation in RELATIONS.values())
    told = {fact.sentence.replace(fact.subject, "{s}").replace(fact.object, "{o}") for fact in world.facts}
    templates = {template for relation in RELATIONS.values() for template in relation.own + relation.other}
    assert templates <= told | {t for t in templates if RELATIONS["capital"].other == (t,)}


def test_no_fact_leaves_its_split(world: World) -> None:
    home = {name: split for split, names in world.names.items() for name in names}
    assert len(home) == sum(map(len, world.names.values())) == len(world.articles)
    for fact in world.facts:
        if RELATIONS[fact.relation].object != "year":
            assert home[fact.subject] == home[fact.object]
    for split, share in SPLITS.items():
        assert len(world.names[split]) / len(home) == pytest.approx(share, abs=0.01)


def test_relations_keep_their_promises(world: World) -> None:
    for relation in RELATIONS.values():
        facts = [fact for fact in world.facts if fact.relation == relation.name]
        assert facts
        assert max(Counter(fact.subject for fact in facts).values()) == 1
        if relation.once:
            assert max(Counter(fact.object for fact in facts).values()) == 1
        if relation.symmetric:
            assert not {fact.subject for fact in facts} & {fact.object for fact in facts}
        if relation.object == "year":
            first, last = relation.years
            assert all(first <= int(fact.object) <= last for fact in facts)


def test_articles_are_short_unless_wanted_long(world: World) -> None:
    assert {len(article.sentences) for article in world.articles} == {2, 3, 4, 5}
    assert max(len(" ".join(article.sentences).split()) for article in world.articles) < 60
    long = generate(7, 1500, long=True)
    words = [len(" ".join(article.sentences).split()) for article in long.articles]
    assert 70 < sum(words) / len(words) < 120
    assert len(long.facts) > 0.9 * len(world.facts)


def test_names_are_invented_unique_and_sometimes_nearly_the_same(world: World) -> None:
    titles = [article.title for article in world.articles]
    assert len({title.casefold() for title in titles}) == len(titles)
    assert len({word for title in titles for word in title.split()}) < len(titles), "words are used again and again"
    blurred = Counter("".join("_" if letter in "aeiou" else letter for letter in title) for title in titles)
    assert 0.05 < sum(count for count in blurred.values() if count > 1) / len(titles) < 0.5


def test_aliases_mean_nobody_else(world: World) -> None:
    aliases = Counter(alias for found in world.aliases.values() for alias in found)
    assert set(aliases.values()) == {1}
    assert not aliases.keys() & {article.title for article in world.articles}


def test_a_world_that_is_too_small_is_refused() -> None:
    with pytest.raises(ConfigError, match="ask for 1000 or more"):
        generate(0, 999, long=False)
