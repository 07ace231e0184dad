"""A world of people, places, companies and books: who and what there is, and what holds between them.

It falls into three closed communities, one for each split: facts relate members of the same one only. So a chain of
hops never leaves its split, and nothing that a test question touches occurs in a training question.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from agentrl.envs.text.searchqa.articles import Article, Fact, tell
from agentrl.envs.text.searchqa.names import Names, alias_of
from agentrl.envs.text.searchqa.relations import RELATIONS, STEPS, Kind, Relation
from agentrl.errors import ConfigError

SPLITS = {"train": 0.7, "valid": 0.1, "test": 0.2}
"""Share of the entities."""
MIN_ARTICLES = 1000
"""A smaller world has too few questions of its own for every split."""
_KINDS: dict[Kind, float] = {"work": 0.24, "company": 0.18, "town": 0.09, "region": 0.01, "person": 0.48}
"""Share of the articles."""


@dataclass(frozen=True, eq=False)
class World:
    """What is true, and the articles that tell it."""

    members: Mapping[str, Mapping[Kind, Sequence[str]]]
    """Split → kind → names."""
    facts: Sequence[Fact]
    articles: Sequence[Article]

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Split → all names."""
        return {split: [n for names in kinds.values() for n in names] for split, kinds in self.members.items()}

    @cached_property
    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Name → shorter names that mean nobody else; not all have one."""
        kinds = [pair for community in self.members.values() for pair in community.items()]
        short = {name: alias for kind, names in kinds for name in names if (alias := alias_of(kind, name))}
        uses = Counter(short.values())
        return {name: (alias,) for name, alias in short.items() if uses[alias] == 1}

    @cached_property
    def links(self) -> dict[str, dict[str, list[tuple[str, Fact]]]]:
        """Name → step → all that it leads to, with the facts that say so."""
        links: dict[str, dict[str, list[tuple[str, Fact]]]] = defaultdict(lambda: defaultdict(list))
        steps = {relation: [s for s in STEPS.values() if s.relation == relation] for relation in RELATIONS}
        for fact in self.facts:
            for step in steps[fact.relation]:
                if step.forward:
                    links[fact.subject][step.name].append((fact.object, fact))
                if step.backward:
                    links[fact.object][step.name].append((fact.subject, fact))
        return {name: dict(found) for name, found in links.items()}


def generate(seed: int, articles: int, *, long: bool) -> World:
    """The world of a seed, the same on every machine.

    Args:
        seed: any number.
        articles: how many, one for each entity; about, for names come in pairs.
        long: whether articles are padded with all that can be said, to about a hundred words.

    Raises:
        ConfigError: there would be too few.
    """
    if articles < MIN_ARTICLES:
        raise ConfigError(f"a world of {articles} articles has too few questions: ask for {MIN_ARTICLES} or more")
    rng = random.Random(f"agentrl searchqa {seed} {articles}")
    counts = {kind: round(share * articles) for kind, share in _KINDS.items()}
    names = Names(rng, counts)
    kinds: dict[str, Kind] = {}
    members: dict[str, dict[Kind, list[str]]] = {split: {} for split in SPLITS}
    for kind, count in counts.items():
        drawn: list[str] = []
        while len(drawn) < count:
            drawn += names.draw(kind)
        kinds |= dict.fromkeys(drawn, kind)
        rng.shuffle(drawn)
        ends = [round(share * len(drawn)) for share in accumulate(SPLITS.values(), initial=0.0)]
        for split, (begin, end) in zip(SPLITS, pairwise(ends), strict=True):
            members[split][kind] = drawn[begin:end]
    triples = [t for community in members.values() for r in RELATIONS.values() for t in _draw(r, community, rng)]
    facts, told = tell(kinds, triples, rng, long=long)
    return World(members, facts, told)


def _draw(relation: Relation, community: Mapping[Kind, list[str]], rng: random.Random) -> list[tuple[str, str, str]]:
    """(subject, relation, object) of all facts of a relation in a community."""
    subjects = rng.sample(community[relation.subject], len(community[relation.subject]))
    if relation.object == "year":
        objects = [str(rng.randint(*relation.years)) for _ in subjects]
    elif relation.object == relation.subject:  # from earlier to later ones, so that no chain runs in a circle
        last = len(subjects) - 1
        objects = [subjects[i + 1 if relation.once else rng.randint(i + 1, last)] for i in range(last)]
    elif relation.once:
        objects = rng.sample(community[relation.object], len(community[relation.object]))
    else:
        objects = rng.choices(community[relation.object], k=len(subjects))
    pairs = list(zip(subjects, objects, strict=False))[:: 2 if relation.symmetric else 1]
    return [(s, relation.name, o) for s, o in pairs if rng.random() < relation.share]
