"""What stands in a task file of OSWorld."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from agentrl.errors import CorruptFileError


class Step(BaseModel):
    """Something to do before the agent, or before the evaluation."""

    model_config = ConfigDict(extra="forbid")

    type: str
    parameters: dict[str, Any] = {}


class Getter(BaseModel):
    """Something to look at; what else it says are the getter's own arguments."""

    model_config = ConfigDict(extra="allow")

    type: str

    @property
    def arguments(self) -> dict[str, Any]:
        return self.model_extra or {}


def _several(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Evaluator(BaseModel):
    """How a task is graded: by one metric or several, each with a result and perhaps something to compare that with."""

    model_config = ConfigDict(extra="forbid")

    func: Annotated[list[str], BeforeValidator(_several)]
    conj: Literal["and", "or"] = "and"
    result: Annotated[list[Getter | None], BeforeValidator(_several)] = []
    expected: Annotated[list[Getter | None], BeforeValidator(_several)] = []
    options: Annotated[list[dict[str, Any] | None], BeforeValidator(_several)] = []
    postconfig: list[Step] = []


class TaskFile(BaseModel):
    """A task. What else stands in the file is for people, or for OSWorld's machines."""

    id: str
    instruction: str
    config: list[Step] = []
    related_apps: list[str] = []
    evaluator: Evaluator


def read(path: Path) -> TaskFile:
    """
    Raises:
        CorruptFileError: it is no task of OSWorld.
        OSError: it cannot be read.
    """
    try:
        return TaskFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CorruptFileError(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
