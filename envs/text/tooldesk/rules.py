"""Policy rules: one list gives both the text that the agent reads and the constraints that the database enforces.

A rule is violated where one of its guards finds so. Guards become CHECK constraints and BEFORE triggers, so whatever
writes to the tables, tool or not, is refused by SQLite itself with the rule's id as the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Event = Literal["", "INSERT", "UPDATE"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Where a rule is watched over."""

    table: str
    violated: str
    """SQL condition; in triggers over NEW and OLD, in a constraint over the columns of the table."""
    event: Event = ""
    """Before what; empty for a CHECK constraint of the table."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the policy."""

    id: str
    text: str
    """What the agent is told, in one sentence."""
    guards: tuple[Guard, ...]


def tables_script(tables: Mapping[str, str], rules: Iterable[Rule]) -> str:
    """SQL that makes the tables, with the constraints among the guards.

    Args:
        tables: name → column definitions.
    """
    checks: dict[str, str] = dict.fromkeys(tables, "")
    for rule in rules:
        for guard in rule.guards:
            if not guard.event:
                checks[guard.table] += f', CONSTRAINT "{rule.id}" CHECK (NOT ({guard.violated}))'
    return "\n".join(f"CREATE TABLE {table} ({columns}{checks[table]});" for table, columns in tables.items())


def triggers_script(rules: Iterable[Rule]) -> str:
    """SQL that makes the triggers. The rows that an episode begins with are written before: they are history.

    Of several rules that a statement violates the first is named: SQLite leaves the order of triggers open, but not
    that of the statements of one, so each table has one for each event.
    """
    checks: dict[tuple[str, Event], str] = {}
    for rule in rules:
        for guard in rule.guards:
            if guard.event:
                refuse = f"SELECT RAISE(ABORT, '{rule.id}') WHERE {guard.violated}; "
                checks[guard.table, guard.event] = checks.get((guard.table, guard.event), "") + refuse
    return "\n".join(
        f"CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} BEGIN {statements}END;"
        for (table, event), statements in checks.items()
    )


def broken_rule(message: str, rules: Iterable[Rule]) -> Rule | None:
    """The rule that an `sqlite3.IntegrityError` with this message speaks of; None where it is another constraint."""
    name = message.removeprefix("CHECK constraint failed: ")
    return next((rule for rule in rules if rule.id == name), None)


def policy_text(rules: Iterable[Rule]) -> str:
    """The policy as the agent reads it: one line a rule."""
    return "\n".join(f"- {rule.id}: {rule.text}" for rule in rules)
