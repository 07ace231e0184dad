"""`SearchQA-v0`: questions that are answered by searching and reading."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from agentrl.envs.base import Demonstrator, Result, TextEnv
from agentrl.envs.text.searchqa.encyclopaedia import Encyclopaedia
from agentrl.envs.text.searchqa.given import GivenTasks, change_of, read_corpus
from agentrl.envs.text.searchqa.questions import HOPS, Question
from agentrl.envs.text.searchqa.researcher import Researcher
from agentrl.envs.text.searchqa.scoring import exact_match, word_f1
from agentrl.envs.text.searchqa.tasks import Bank, Tasks
from agentrl.envs.text.searchqa.world import generate
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

TOOLS = "search[words], open[title], answer[text]"
_ACTION = re.compile(r"(search|open|answer)\[(.*)\]", re.DOTALL)
_INVALID = Result(f"Use one of {TOOLS}.", outcome=Outcome.invalid_action("no action"))


class TaskSource(Protocol):
    """Where questions come from."""

    splits: tuple[str, ...]

    def ids(self, split: str) -> Sequence[str]: ...
    def question(self, task_id: str) -> Question: ...
    def kind(self, task_id: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """State of an episode; never changed, only replaced."""

    question: Question
    opened: frozenset[str] = frozenset()
    """Titles of the evidence that was read."""


class SearchQAEnv(TextEnv):
    """Questions of one to four hops over an encyclopaedia, answered by `search[words]`, `open[title]`, `answer[text]`.

    By default the encyclopaedia is about a generated world that nobody has ever heard of, in about 4,000 articles of
    two to five sentences. What test questions are about occurs in no training question. Making it takes about half a
    second, once in a process.

    Args:
        split: `train`, `valid` or `test`; with `questions`, one that the file has.
        hops: numbers of hops of the tasks that are listed, default all: 1, 2, 3, 4.
        world: seed of the world.
        articles: of the world, at least 1,000.
        long: whether articles have some hundred words more, of no use.
        corpus: a file of JSON lines {"title", "text"} to search instead of a generated world, …
        questions: … and one of {"question", "answer" or "answers", "evidence"?: titles, "split"?: default "test"}.
        render_mode: `ansi` or None.

    Reward channels: `outcome` is the word-F1 of the answer against the best of the accepted ones, `exact_match` is 1
    where the words are the same in the same order; `evidence` is the share of the articles to be read that the turn
    opened for the first time, so it sums to 1 at most. Success is an exact match.

    Raises:
        ConfigError: arguments do not fit together.
        CorruptFileError: a line of `corpus` or `questions` cannot be used.
    """

    family = "text"
    splits: tuple[str, ...] = ("train", "valid", "test")
    channels: tuple[str, ...] = ("outcome", "exact_match", "evidence")

    def __init__(
        self,
        *,
        split: str | None = None,
        hops: int | Sequence[int] | None = None,
        world: int = 0,
        articles: int = 4000,
        long: bool = False,
        corpus: str | os.PathLike[str] | None = None,
        questions: str | os.PathLike[str] | None = None,
        render_mode: str | None = None,
    ) -> None:
        if (corpus is None) != (questions is None):
            raise ConfigError("corpus and questions go together: give both, or neither for a generated world")
        self._tasks: TaskSource
        if corpus is None or questions is None:
            with _making:
                bank, self._encyclopaedia = _generated(world, articles, long)
            self._tasks = Tasks(bank, HOPS if hops is None else [hops] if isinstance(hops, int) else hops)
        else:
            if (hops, world, articles, long) != (None, 0, 4000, False):
                raise ConfigError("hops, world, articles and long are for generated worlds, not for a corpus of yours")
            with _making:
                self._encyclopaedia = _given(os.fspath(corpus), change_of(corpus))
            self._tasks = GivenTasks(questions, self._encyclopaedia.articles)
        self._generated = corpus is None
        self.splits = self._tasks.splits
        super().__init__(split=split, render_mode=render_mode)

    def tasks(self, split: str | None = None) -> Sequence[str]:
        if (split := split or self.split) not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return self._tasks.ids(split)

    def kind(self, task_id: str) -> str:
        return self._tasks.kind(task_id)

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """See `Question.reference`."""
        return self._tasks.question(task_id).reference()

    def begin(self, task_id: str) -> Result:
        self.state = Reading(self._tasks.question(task_id))
        return Result(f"Question: {self.state.question.text}\nTools: {TOOLS}")

    def act(self, action: str) -> Result:
        match = _ACTION.fullmatch(action.strip())
        if not match or not match[2].strip():
            return _INVALID
        tools = {"search": self._search, "open": self._open, "answer": self._answer}
        return tools[match[1]](match[2])

    def _search(self, query: str) -> Result:
        found = self._encyclopaedia.search(query)
        return Result("\n".join(f"{title}: {snippet}" for title, snippet in found) or "Nothing found.")

    def _open(self, title: str) -> Result:
        article = self._encyclopaedia.find(title)
        if article is None:
            near = "; ".join(self._encyclopaedia.near(title))
            return Result("No such title." + (f" Similar: {near}" if near else ""))
        wanted, state = self.state.question.titles, self.state
        new = article.title in wanted and article.title not in state.opened
        if new:
            self.state = replace(state, opened=state.opened | {article.title})
        return Result(f"{article.title}: {' '.join(article.sentences)}", {"evidence": 1 / len(wanted)} if new else {})

    def _answer(self, text: str) -> Result:
        accepted = self.state.question.answers
        right = exact_match(text, accepted)
        rewards = {"outcome": word_f1(text, accepted), "exact_match": float(right)}
        return Result("Correct." if right else "Wrong.", rewards, Outcome.terminated(success=right))

    def oracle(self) -> Iterator[str]:
        if self.state is None:
            return
        question, opened = self.state.question, self.state.opened
        yield from (f"open[{title}]" for title in question.titles if title not in opened)
        yield f"answer[{question.answers[0]}]"

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator:
        """A reader of generated articles, who knows their phrases and nothing else; for other corpora, the oracle."""
        if not self._generated:
            return super().demonstrator(seed=seed, mistakes=mistakes)
        return Researcher(self._last, mistakes=mistakes, seed=seed)

    def copy_state(self, state: Reading | None) -> Reading | None:
        return state


_making = threading.Lock()


@lru_cache(maxsize=4)
def _generated(seed: int, articles: int, long: bool) -> tuple[Bank, Encyclopaedia]:
    world = generate(seed, articles, long=long)
    return Bank(world), Encyclopaedia(world.articles)


@lru_cache(maxsize=4)
def _given(path: str, changed: int) -> Encyclopaedia:
    return Encyclopaedia(read_corpus(path))
