"""A conversation in progress: the database, the user, and what has been called."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace

from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.database import Contents, connect
from agentrl.envs.text.tooldesk.domain import Domain
from agentrl.envs.text.tooldesk.rules import broken_rule
from agentrl.envs.text.tooldesk.tools import ToolError
from agentrl.envs.text.tooldesk.user import UserState, answer
from agentrl.envs.text.tooldesk.wishes import Script


@dataclass(frozen=True, slots=True)
class DeskTask:
    """One task: a world, a user, and the state of the database in which all that is allowed has been done."""

    task_id: str
    domain: Domain
    script: Script
    image: bytes
    """The serialized database at the start."""
    start: Contents
    goal: Contents


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was carried out."""

    call: Call
    output: str


@dataclass(slots=True)
class Conversation:
    """State of an episode."""

    task: DeskTask
    db: sqlite3.Connection
    user: UserState = field(default_factory=UserState)
    made: tuple[Made, ...] = ()
    share: float = 0.0
    """How much of the way to the goal has been made, see `progress.py`."""

    @classmethod
    def begin(cls, task: DeskTask) -> Conversation:
        """At the start of a task."""
        return cls(task, connect(task.image))

    def copy(self) -> Conversation:
        """An independent copy, database included."""
        return replace(self, db=connect(self.db.serialize()))

    def say(self, words: str) -> str:
        """Speak to the user; returns what it says."""
        text, self.user = answer(self.task.script, self.user, words)
        return f"User: {text}"

    def call(self, call: Call) -> str:
        """Carry out a call on the database; returns the tool's output.

        Raises:
            ToolError: it was not carried out, and changed nothing.
        """
        output = perform(self.task.domain, self.db, call)
        self.made = (*self.made, Made(call, output))
        return output

    def checked(self, call: Call) -> Call:
        """The call with the arguments in the types of the schema.

        Raises:
            ToolError: there is no such tool, or an argument does not fit.
        """
        return Call(call.tool, self.task.domain.tools.find(call.tool).check(call.arguments))

    @property
    def identified(self) -> bool:
        """Whether the user was found, and nobody else since."""
        found = [made.call.arguments["pin"] for made in self.made if made.call.tool == "find_user"]
        return found[-1:] == [self.task.script.pin]


def perform(domain: Domain, db: sqlite3.Connection, call: Call) -> str:
    """Run a tool on a database, wholly or not at all.

    Raises:
        ToolError: `policy` with the rule's id where the database refuses; else what the tool says.
    """
    tool = domain.tools.find(call.tool)
    arguments = tool.check(call.arguments)
    db.execute("BEGIN")
    try:
        output = tool.run(db, **arguments)
    except sqlite3.IntegrityError as error:
        db.execute("ROLLBACK")
        rule = broken_rule(str(error), domain.rules)
        raise ToolError("policy", rule.id if rule else "constraint", rule.text if rule else str(error)) from None
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return output
