"""An expert that answers from what it reads: what it does, a model that reads the same text can learn.

It knows how facts are phrased and how questions are put together, and nothing of the world. It believes what stands in
an article that it opened; what a search shows tells it where to look.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from re import Pattern

from agentrl.envs.text.searchqa.relations import RELATIONS, STEPS, Relation, Step
from agentrl.errors import ConfigError

_LINE = re.compile(r"(.+?): (.+)")
_SENTENCE = re.compile(r"(?<=\.)\s+")
_NAME, _YEAR = r"[A-Z][^.,]*", r"\d{4}"
_PHRASE = r"(?:the |[A-Z]).+"
_PRONOUNS = ("She", "He", "It")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a question asks for."""

    chains: tuple[tuple[str, tuple[Step, ...]], ...]
    """Names in the question, each with the hops from there."""
    latest: bool | None = None
    """Of two chains that end in years: whether the later one is asked for; None where there is nothing to compare."""


class Researcher:
    """Answers one question.

    Args:
        first_observation: what `reset` returned.
        mistakes: chance, each turn, of a plausible but useless action, after which it goes on as before.
        seed: of the mistakes; without mistakes nothing is random.

    Raises:
        ConfigError: the question is none of a generated world.
    """

    def __init__(self, first_observation: str, *, mistakes: float = 0.0, seed: int = 0) -> None:
        question = first_observation.partition("\n")[0].removeprefix("Question: ")
        self.plan = parse_question(question)
        self.last_was_mistake = False
        self._mistakes, self._random = mistakes, random.Random(seed)
        self._last = ""
        self._done: set[str] = set()
        self._titles: list[str] = []
        """Seen so far."""
        self._known: dict[tuple[str, str], str] = {}
        """Step and name → where it leads, as read in an open article …"""
        self._heard: dict[tuple[str, str], str] = {}
        """… or, as a search showed, the title of the article that says where."""

    def act(self, observation: str) -> str:
        """The next action, given what the last one brought (at first: the first observation)."""
        if self._last:
            self._read(observation)
        action = self._next()
        self.last_was_mistake = self._random.random() < self._mistakes
        if self.last_was_mistake:
            action = self._mistake(action)
        else:
            self._done.add(action)
        self._last = action
        return action

    def _read(self, observation: str) -> None:
        for line in observation.splitlines():
            if match := _LINE.fullmatch(line):
                title, text = match.groups()
                self._titles.append(title)
                for sentence in _SENTENCE.split(text):
                    for step, name, found in read_sentence(title, sentence):
                        if self._last.startswith("open["):
                            self._known[step, name] = found
                        else:
                            self._heard[step, name] = title

    def _next(self) -> str:
        ends = []
        for anchor, steps in self.plan.chains:
            names = [anchor]
            for step in steps:
                if (step.name, names[-1]) not in self._known:
                    if action := self._pursue(step, names[-1], first=len(names) == 1):
                        return action
                    return f"answer[{names[-1]}]"  # at a loss
                names.append(self._known[step.name, names[-1]])
            ends.append(names)
        if self.plan.latest is None:
            return f"answer[{ends[0][-1]}]"
        a, b = ends
        return f"answer[{(a if (a[-1] > b[-1]) == self.plan.latest else b)[-2]}]"

    def _pursue(self, step: Step, name: str, *, first: bool) -> str:
        """What to do to learn where a step leads; "" if all was tried."""
        heard = self._heard.get((step.name, name))
        tries = [f"open[{heard}]"] if heard else []
        tries += [f"search[{name}]"] if first else []
        tries += [f"open[{name}]", f"search[{name} {step.hint}]", f"search[{name} {step.name}]"]
        return next((action for action in tries if action not in self._done), "")

    def _mistake(self, planned: str) -> str:
        """What somebody might do who is not attentive."""
        names = self._titles or [anchor for anchor, _ in self.plan.chains]
        some = self._random.choice(names)
        options = [f"open[{some}]", f"search[{some}]", f"open[{some.rpartition(' ')[0]}]", f"open {some}"]
        return self._random.choice([o for o in [*options, self._last] if o and o != planned])


def parse_question(question: str) -> Plan:
    """What a question asks for.

    Raises:
        ConfigError: it is put together in a way that generated questions are not.
    """
    for relation, latest, pattern in _comparisons():
        if match := pattern.fullmatch(question):
            chains = [_parse_phrase(phrase) for phrase in match.groups()]
            return Plan(tuple((name, (*steps, STEPS[relation])) for name, steps in chains), latest)
    for step, pattern in _asked():
        if match := pattern.fullmatch(question):
            name, steps = _parse_phrase(match[1])
            return Plan(((name, (*steps, step)),))
    raise ConfigError(f"the question {question!r} is none of a generated world, so the researcher cannot read it")


def _parse_phrase(phrase: str) -> tuple[str, tuple[Step, ...]]:
    """The name at the core of a phrase, and the steps from there outwards."""
    for step, pattern in _phrases():
        if match := pattern.fullmatch(phrase):
            name, steps = _parse_phrase(match[1])
            return name, (*steps, step)
    return phrase, ()


def read_sentence(title: str, sentence: str) -> list[tuple[str, str, str]]:
    """What a sentence in the article of that title says, if anything: step, name, and where the step leads from it."""
    for relation, pattern in _sentences():
        if match := pattern.fullmatch(sentence):
            subject, object_ = (title if name in _PRONOUNS else name for name in match.group("s", "o"))
            steps = [step for step in STEPS.values() if step.relation == relation]
            to = [(step.name, subject, object_) for step in steps if step.forward]
            return to + [(step.name, object_, subject) for step in steps if step.backward]
    return []


def _pattern(template: str, **groups: str) -> Pattern[str]:
    return re.compile(re.sub(r"\\{(\w)\\}", lambda m: f"(?P<{m[1]}>{groups[m[1]]})", re.escape(template)))


@cache
def _sentences() -> list[tuple[str, Pattern[str]]]:
    def of(relation: Relation) -> list[Pattern[str]]:
        object_ = _YEAR if relation.object == "year" else _NAME
        return [_pattern(template, s=_NAME, o=object_) for template in (*relation.own, *relation.other)]

    return [(relation.name, pattern) for relation in RELATIONS.values() for pattern in of(relation)]


@cache
def _comparisons() -> list[tuple[str, bool, Pattern[str]]]:
    kinds = [r for r in RELATIONS.values() if r.first]
    return [
        *((r.name, False, _pattern(r.first, a=_PHRASE, b=_PHRASE)) for r in kinds),
        *((r.name, True, _pattern(r.last, a=_PHRASE, b=_PHRASE)) for r in kinds),
    ]


@cache
def _asked() -> list[tuple[Step, Pattern[str]]]:
    return [(step, _pattern(template, x=_PHRASE)) for step in STEPS.values() for template in step.questions]


@cache
def _phrases() -> list[tuple[Step, Pattern[str]]]:
    return [(step, _pattern(template, x=_PHRASE)) for step in STEPS.values() for template in step.phrases]
