"""Questions over a world: chains of hops, and comparisons of two chains, whose answer is the only one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agentrl.envs.text.searchqa.articles import Fact
from agentrl.envs.text.searchqa.relations import RELATIONS, STEPS, Step
from agentrl.envs.text.searchqa.world import World
from agentrl.errors import ConfigError

HOPS = (1, 2, 3, 4)
_COMPARED = 0.25
"""Share of comparisons, of the questions with two hops or more."""
_WALKS = 10_000
"""Attempts at a question; most take fewer than ten."""
_YEARS = tuple(r.name for r in RELATIONS.values() if r.object == "year")


@dataclass(frozen=True, slots=True)
class Evidence:
    """An article that has to be read."""

    title: str
    fact: str
    """What it says to the matter, in a sentence; "" where nobody wrote it down."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and all that is known of its answer."""

    text: str
    answers: tuple[str, ...]
    """Accepted ones; the first is the answer."""
    evidence: tuple[Evidence, ...]
    """In the order in which the answer follows from them."""
    entities: tuple[str, ...] = ()
    """Titles on the way from the question to the answer, both included; a year has none."""

    @property
    def titles(self) -> list[str]:
        """Of the articles to read, each once."""
        return list(dict.fromkeys(e.title for e in self.evidence))

    def reference(self) -> Mapping[str, Any]:
        """`answer`, `answer_form`, `aliases`, `entities` (titles from the question on), `evidence` ({title, fact})."""
        return {
            "answer": self.answers[0],
            "answer_form": "answer[{answer}]",
            "aliases": list(self.answers[1:]),
            "entities": list(self.entities),
            "evidence": [asdict(e) for e in self.evidence],
        }


def draw(world: World, split: str, hops: int, rng: random.Random) -> Question:
    """A question of a split, with as many hops.

    Raises:
        ConfigError: the world is too small to have one.
    """
    asked = _compare if hops > 1 and rng.random() < _COMPARED else _chain
    for _ in range(_WALKS):
        if question := asked(world, split, hops, rng):
            return question
    raise ConfigError(f"this world has hardly a {split} question of {hops} hops: ask for more articles")


@dataclass(frozen=True, slots=True)
class _Walk:
    """A chain of hops, each of which leads to one place only."""

    names: tuple[str, ...]
    """One more than steps; the last may be a year."""
    steps: tuple[Step, ...] = ()
    facts: tuple[Fact, ...] = ()

    def phrase(self, rng: random.Random) -> str:
        """What the last step but one leads to, in words."""
        text = self.names[0]
        for step in self.steps[:-1]:
            text = rng.choice(step.phrases).format(x=text)
        return text

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(Evidence(fact.title, fact.sentence) for fact in self.facts)


def _walk(world: World, start: str, hops: int, rng: random.Random, last: str = "") -> _Walk | None:
    """A random walk that meets nobody twice; None where it gets stuck, for it makes only one attempt.

    Args:
        last: relation of the last step, if that matters.
    """
    walk = _Walk((start,))
    for left in range(hops, 0, -1):
        ways = [
            _Walk((*walk.names, found[0][0]), (*walk.steps, STEPS[name]), (*walk.facts, found[0][1]))
            for name, found in world.links.get(walk.names[-1], {}).items()
            if len(found) == 1
            and found[0][0] not in walk.names
            and (STEPS[name].phrases if left > 1 else not last or name == last)
        ]
        if not ways:
            return None
        walk = rng.choice(ways)
    return walk


def _chain(world: World, split: str, hops: int, rng: random.Random) -> Question | None:
    walk = _walk(world, rng.choice(world.names[split]), hops, rng)
    if walk is None:
        return None
    text = rng.choice(walk.steps[-1].questions).format(x=walk.phrase(rng))
    names = walk.names if walk.steps[-1].phrases else walk.names[:-1]
    return Question(text, (walk.names[-1], *world.aliases.get(walk.names[-1], ())), walk.evidence, names)


def _compare(world: World, split: str, hops: int, rng: random.Random) -> Question | None:
    relation = RELATIONS[rng.choice(_YEARS)]
    shorter = hops // 2
    lengths = rng.sample((shorter, hops - shorter), 2)
    starts = [rng.choice(world.members[split][relation.subject] if n == 1 else world.names[split]) for n in lengths]
    a, b = (_walk(world, start, n, rng, relation.name) for start, n in zip(starts, lengths, strict=True))
    if a is None or b is None or a.names[-1] == b.names[-1] or {*a.names} & {*b.names}:
        return None
    latest = rng.random() < 0.5
    text = (relation.last if latest else relation.first).format(a=a.phrase(rng), b=b.phrase(rng))
    answer = (a if (a.names[-1] > b.names[-1]) == latest else b).names[-2]
    answers = (answer, *world.aliases.get(answer, ()))
    return Question(text, answers, a.evidence + b.evidence, a.names[:-1] + b.names[:-1])
