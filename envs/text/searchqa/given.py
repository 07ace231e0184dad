"""A corpus and questions of the user's own, from files of JSON lines."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from agentrl.envs.text.searchqa.articles import Article
from agentrl.envs.text.searchqa.questions import Evidence, Question
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SPLITS = ("train", "valid", "test")
_Text = Annotated[str, Field(pattern=r"\w")]
M = TypeVar("M", bound=BaseModel)


class ArticleLine(BaseModel):
    """One line of a corpus; further fields are ignored."""

    title: _Text
    text: _Text


class EvidenceLine(BaseModel):
    """An article that has to be read, and what it says to the matter."""

    title: _Text
    fact: str = ""


class QuestionLine(BaseModel):
    """One line of a question file; further fields are ignored."""

    question: _Text
    answer: _Text | None = None
    answers: list[_Text] = Field(default_factory=list)
    """Accepted ones, beside `answer`; the first of all is the reference."""
    evidence: list[EvidenceLine | _Text] = Field(default_factory=list)
    """In order; a title alone will do."""
    split: Literal["train", "valid", "test"] = "test"


class GivenTasks:
    """Questions of a file: `test/17` is the 18th line of its split.

    Raises:
        CorruptFileError: the file cannot be used; the message names the line.
    """

    def __init__(self, path: str | os.PathLike[str], articles: Sequence[Article]) -> None:
        titles = {a.title.casefold(): a.title for a in articles}
        self._questions: dict[str, dict[str, Question]] = {}
        for place, line in _lines(path, QuestionLine):
            answers = tuple(dict.fromkeys([*([line.answer] if line.answer else []), *line.answers]))
            if not answers:
                raise CorruptFileError(place, "give an answer, or answers")
            evidence = [e if isinstance(e, EvidenceLine) else EvidenceLine(title=e) for e in line.evidence]
            for e in evidence:
                if e.title.casefold() not in titles:
                    near = difflib.get_close_matches(e.title, titles.values(), n=1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    raise CorruptFileError(place, f"evidence: the corpus has no {e.title!r}{hint}")
            told = tuple(Evidence(titles[e.title.casefold()], e.fact) for e in evidence)
            asked = self._questions.setdefault(line.split, {})
            asked[f"{line.split}/{len(asked)}"] = Question(line.question, answers, told)
        if not self._questions:
            raise CorruptFileError(path, "no questions")
        self._ids = {split: tuple(self._questions[split]) for split in _SPLITS if split in self._questions}
        self.splits = tuple(self._ids)

    def ids(self, split: str) -> Sequence[str]:
        """Ids of a split, in the order of the file."""
        return self._ids[split]

    def question(self, task_id: str) -> Question:
        """The question of an id.

        Raises:
            UnknownNameError: there is none.
        """
        found = self._questions.get(task_id.partition("/")[0], {}).get(task_id)
        if found is None:
            raise UnknownNameError("task", task_id, [ids[-1] for ids in self._ids.values()])
        return found

    def kind(self, task_id: str) -> str:
        """The number of articles to read, "" where that is unknown: `3hop`."""
        evidence = self.question(task_id).evidence
        return f"{len(evidence)}hop" if evidence else ""


def read_corpus(path: str | os.PathLike[str]) -> list[Article]:
    """The articles of a file.

    Raises:
        CorruptFileError: it cannot be used; the message names the line.
    """
    places: dict[str, str] = {}
    articles = []
    for place, line in _lines(path, ArticleLine):
        title = " ".join(line.title.split())
        if (first := places.setdefault(title.casefold(), place)) != place:
            raise CorruptFileError(place, f"the title {title!r} is that of {first}, too")
        articles.append(Article(title, tuple(_SENTENCE.split(" ".join(line.text.split())))))
    if not articles:
        raise CorruptFileError(path, "no articles")
    return articles


def change_of(path: str | os.PathLike[str]) -> int:
    """When a file was last changed, in ns.

    Raises:
        ConfigError: there is no such file.
    """
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _lines(path: str | os.PathLike[str], model: type[M]) -> Iterator[tuple[str, M]]:
    """The lines of a file, each with its place in words."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CorruptFileError(path, f"not UTF-8 ({error})") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            place = f"{path}, line {number}"
            try:
                yield place, model.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"]))
                raise CorruptFileError(place, f"{where}: {first['msg']}" if where else first["msg"]) from None
