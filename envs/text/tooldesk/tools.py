"""Tools: Python functions over a database, whose signatures are their JSON schemas."""

from __future__ import annotations

import difflib
import inspect
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

Database = sqlite3.Connection
Id = Annotated[int, Field(ge=0, lt=10**6)]
Text = Annotated[str, Field(min_length=1, max_length=80)]

ErrorCode = Literal["format", "unknown_tool", "schema", "policy", "not_found"]


class ToolError(Exception):
    """A call that was not carried out; the text is what the agent sees. Part of the game, no fault of ours."""

    def __init__(self, code: ErrorCode, where: str, message: str) -> None:
        self.code, self.where, self.message = code, where, message
        super().__init__(f"error {code} {where}: {message}" if where else f"error {code}: {message}")

    def to_dict(self) -> dict[str, str]:
        """Code, where (the rule's id, the path of the argument, the name of the tool) and message."""
        return {"code": self.code, "where": self.where, "message": self.message}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[..., str]
    """Called with the database and the arguments; raises `ToolError` or `sqlite3.IntegrityError`."""
    writes: bool
    """Whether it changes what counts: the tables that are compared with the goal."""

    @property
    def schema(self) -> dict[str, Any]:
        """Name, description, and `parameters`: the JSON schema of the arguments."""
        parameters = self.arguments.model_json_schema()
        for part in (parameters, *parameters["properties"].values()):
            del part["title"]
        return {"name": self.name, "description": self.description, "parameters": parameters}

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the types of the schema.

        Raises:
            ToolError: `schema`, with the path of the first one that does not fit.
        """
        try:
            return self.arguments.model_validate(arguments).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise ToolError("schema", ".".join(map(str, first["loc"])), first["msg"]) from None


def tool(*, writes: bool = False) -> Callable[[Callable[..., str]], Tool]:
    """Make a function a tool: its docstring is the description, its parameters after the first are the schema."""

    def made(function: Callable[..., str]) -> Tool:
        hints = get_type_hints(function, include_extras=True)
        fields: dict[str, Any] = {
            name: (hints[name], ... if p.default is p.empty else p.default)
            for name, p in list(inspect.signature(function).parameters.items())[1:]
        }
        model = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
        return Tool(function.__name__, inspect.getdoc(function) or "", model, function, writes)

    return made


@tool()
def transfer(db: Database, reason: Text) -> str:
    """Hand over to a human; ends the conversation."""
    return "transferred"


class Toolbox(dict[str, Tool]):
    """The tools of a domain by name."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        super().__init__((tool.name, tool) for tool in tools)

    def find(self, name: str) -> Tool:
        """The tool of that name.

        Raises:
            ToolError: `unknown_tool`, naming the nearest.
        """
        if name not in self:
            near = difflib.get_close_matches(name[:40], self, n=1, cutoff=0.0)
            raise ToolError("unknown_tool", name[:40], f"did you mean {near[0]}?")
        return self[name]

    def text(self) -> str:
        """One line a tool: name, arguments, what it does."""
        return "\n".join(
            f"- {' '.join([name, *tool.arguments.model_fields])}: {tool.description}" for name, tool in self.items()
        )

    def json(self) -> str:
        """One line a tool: its schema."""
        return "\n".join(json.dumps(tool.schema) for tool in self.values())


def one(db: Database, query: str, *values: object, missing: str) -> tuple[Any, ...]:
    """The first row of a query.

    Raises:
        ToolError: `not_found`; there is none.
    """
    row: tuple[Any, ...] | None = db.execute(query, values).fetchone()
    if row is None:
        raise ToolError("not_found", "", missing)
    return row
