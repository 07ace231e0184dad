"""What makes a domain: tables, rules, tools, goals, and how an expert serves each kind of wish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from agentrl.envs.text.tooldesk.database import Comparison, connect
from agentrl.envs.text.tooldesk.desk import Service
from agentrl.envs.text.tooldesk.rules import Rule, policy_text, tables_script, triggers_script
from agentrl.envs.text.tooldesk.tools import Toolbox
from agentrl.envs.text.tooldesk.wishes import Wish
from agentrl.envs.text.tooldesk.world import World

Goal = Callable[[World, int, bool], list[Wish]]
"""Adds to a world what a wish of the customer (by id) needs, or, if the last argument is true, what it needs to be
forbidden by a rule; returns the wish and the afterthoughts to it."""


MANUALS = ("text", "json", "none")
"""Forms of what the agent reads before the conversation."""


@dataclass(frozen=True)
class Domain:
    """One domain."""

    name: str
    role: str
    """The first sentence that the agent reads."""
    tables: Mapping[str, str]
    rules: tuple[Rule, ...]
    tools: Toolbox
    comparison: Comparison
    populate: Callable[[World], int]
    """Fills a world with customers; returns the id of the one who calls."""
    goals: Mapping[str, Goal]
    """Kind → the wishes of that kind."""
    traps: tuple[str, ...]
    """Kinds of wishes that a rule may forbid."""
    phrases: Mapping[str, tuple[str, ...]]
    """Kind → how the user may say it, with fields in braces."""
    services: Mapping[str, Service]
    """Kind → how the expert serves it."""

    @cached_property
    def manuals(self) -> dict[str, str]:
        """What the agent may read before the conversation, by form: policy and tools in `text`, or tools as `json`."""
        forms = {
            "text": (self.tools.text(), "tool key=value"),
            "json": (self.tools.json(), 'tool({"key": value})'),
        }
        return {"none": ""} | {
            form: f"{self.role}\nRules:\n{policy_text(self.rules)}\nTools:\n{tools}\n"
            f"Write one action a turn: {call}, say[text] to the user, or done[] at the end.\n\n"
            for form, (tools, call) in forms.items()
        }

    @cached_property
    def _tables(self) -> bytes:
        db = connect()
        db.execute("PRAGMA page_size = 1024")
        db.executescript(tables_script(self.tables, self.rules))
        return db.serialize()

    @cached_property
    def _triggers(self) -> str:
        return triggers_script(self.rules)

    def image(self, world: World) -> bytes:
        """A serialized database that holds a world, with all rules in force."""
        db = connect(self._tables)
        db.execute("BEGIN")
        for table, rows in world.rows.items():
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        db.execute("COMMIT")
        db.executescript(self._triggers)
        return db.serialize()
