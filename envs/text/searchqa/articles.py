"""How the world is told: short articles whose facts are paraphrased, and sometimes stand in another article only."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentrl.envs.text.searchqa.relations import RELATIONS, Kind

_ELSEWHERE = 0.3
"""Share of facts told in the article about their object only, of those that can be."""
_MOST, _LEAST = 5, 2
"""Sentences of a short article."""
_ASIDES: dict[Kind, tuple[str, ...]] = {
    "person": (
        *("{s} kept bees.", "{s} collected moths.", "{s} played the harp.", "{s} never learned to swim."),
        *("{s} slept little.", "{s} spoke five languages.", "{s} was fond of chess.", "{s} painted at night."),
        *("{s} often visited {town}.", "{s} refused a post at {company}.", "{s} disliked {work}."),
        *("{s} once met {person}.", "{s} is often confused with {person}.", "{s} had a house near {town}."),
    ),
    "town": (
        *("{s} is known for its copper roofs.", "{s} has a famous market.", "{s} was flooded twice."),
        *("{s} has no railway.", "{s} is quiet in winter.", "{s} exports salt.", "{s} has nine bridges."),
        *("{s} is often confused with {town}.", "{s} trades with {town}.", "{person} once visited {s}."),
        *("{s} refused a loan from {company}.", "A street in {s} bears the name of {person}."),
    ),
    "region": (
        *("{s} is thinly peopled.", "{s} is rich in slate.", "{s} has mild winters.", "{s} mints its own coins."),
        *("{s} borders on {region}.", "{person} crossed {s} on foot.", "{s} sends its wool to {town}."),
    ),
    "company": (
        *("{s} pays in kind.", "{s} burned down once.", "{s} employs few people.", "{s} is known for its thrift."),
        *("{s} keeps its books in verse.", "{s} works at night.", "{s} has never borrowed money."),
        *("{s} lost a lawsuit against {company}.", "{s} is often confused with {company}."),
        *("{s} sells its goods in {town}.", "{person} refused to lead {s}.", "{s} plans to move to {town}."),
    ),
    "work": (
        *("{s} is read in schools.", "{s} was banned for a while.", "{s} has nine chapters.", "{s} is out of print."),
        *("{s} was praised by few.", "{s} ends with a flood.", "{s} was found in an attic."),
        *("{s} is often compared with {work}.", "{person} called {s} dull.", "{company} refused to print {s}."),
        *("{s} was read aloud in {town}.", "{s} is dedicated to {person}."),
    ),
}
"""Sentences that no question asks about. `{s}` is the article's subject, the rest any others."""


@dataclass(frozen=True, slots=True)
class Article:
    """What the encyclopaedia says of one entity."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is true, and where it is told."""

    relation: str
    subject: str
    object: str
    title: str
    """Of the only article that tells it."""
    sentence: str
    """That tells it, with names instead of pronouns."""


def tell(
    kinds: Mapping[str, Kind], triples: Sequence[tuple[str, str, str]], rng: random.Random, *, long: bool
) -> tuple[list[Fact], list[Article]]:
    """Write an article about each entity.

    Args:
        kinds: of all entities.
        triples: subject, relation and object of all facts.
        rng: for the words, and for what else is told.
        long: see `world.generate`.
    """
    lines: dict[str, list[tuple[str, dict[str, str]]]] = {name: [] for name in kinds}
    facts, elsewhere = [], []

    def put(title: str, templates: Sequence[str], triple: tuple[str, str, str]) -> None:
        subject, relation, object_ = triple
        template, names = rng.choice(templates), {"s": subject, "o": object_}
        facts.append(Fact(relation, subject, object_, title, template.format(**names)))
        lines[title].append((template.replace("{s}" if title == subject else "{o}", "{me}"), names))

    for triple in triples:
        relation = RELATIONS[triple[1]]
        if relation.other and rng.random() < _ELSEWHERE:
            elsewhere.append(triple)
        else:
            put(triple[0], relation.own, triple)
    for triple in elsewhere:  # last, when it is known where there is room
        subject, name, object_ = triple
        if len(lines[object_]) < _MOST:
            put(object_, RELATIONS[name].other, triple)
        else:
            put(subject, RELATIONS[name].own, triple)

    others = {kind: [name for name in kinds if kinds[name] == kind] for kind in _ASIDES}
    for title, kind in kinds.items():
        asides = [aside.replace("{s}", "{me}") for aside in _ASIDES[kind]]
        spare = _MOST - len(lines[title])
        count = len(asides) if long else max(_LEAST - len(lines[title]), min(spare, rng.randrange(3)), 0)
        for aside in rng.sample(asides, count):
            lines[title].append((aside, {kind: rng.choice(names) for kind, names in others.items()}))
        rng.shuffle(lines[title])
    pronouns = {name: rng.choice(("She", "He")) if kind == "person" else "It" for name, kind in kinds.items()}
    return facts, [Article(title, tuple(_spoken(title, pronouns[title], told))) for title, told in lines.items()]


def _spoken(title: str, pronoun: str, lines: Sequence[tuple[str, dict[str, str]]]) -> Iterator[str]:
    """The sentences of an article, whose subject is named once and then meant."""
    for i, (template, names) in enumerate(lines):
        me = pronoun if i and template.startswith("{me}") else title
        yield template.format(**names, me=me)
