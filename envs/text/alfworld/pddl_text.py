"""A game as the text of a PDDL problem in the `alfred` domain, as the official game files have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agentrl.envs.text.alfworld.game import Game
from agentrl.envs.text.alfworld.scenes import household

_STATE_FACTS = {
    "isreceptacleobject": "isReceptacleObject",
    "isclean": "isClean",
    "ishot": "isHot",
    "iscool": "isCool",
    "ison": "isOn",
    "istoggled": "isToggled",
    "issliced": "isSliced",
}
"""Unary facts whose spelling in the domain is not all lower case."""


def problem_text(game: Game) -> str:
    """The whole `(define (problem …) …)`.

    Raises:
        MissingExtraError: `alfworld`, which has the goal sections, is not installed.
    """
    name = game.game_id.replace("/", "_")
    return (
        f"(define (problem plan_{name})\n"
        "    (:domain alfred)\n"
        f"    (:objects\n{_block(_objects(game))}    )\n"
        f"    (:init\n{_block(_facts(game))}    )\n"
        f"{_goal(game)}"
    )


def spell(name: str) -> str:
    """Restore the official capitals of a kind, a type or an id: `sidetabletype` → `SideTableType`."""
    head, bar, tail = name.partition("_bar_")
    if not bar and (kind := name.removesuffix("type")) in household().spelling:
        return household().spelling[kind] + ("Type" if name != kind else "")
    if tail.endswith("basin"):
        tail, _, basin = tail.rpartition("_bar_")
        tail += f"_bar_{spell(basin)}"
    return household().spelling.get(head, head) + bar + tail


def _objects(game: Game) -> Iterator[str]:
    otypes = {item.type for item in game.objects} | {otype for _, otype in game.can_contain} | {game.goal.object}
    rtypes = {item.type for item in game.receptacles} | {rtype for rtype, _ in game.can_contain}
    otypes |= {game.goal.toggle} - {""}
    rtypes |= {game.goal.receptacle} - {""}
    yield "agent1 - agent"
    yield from (f"{spell(thing.id)} - object" for thing in game.objects)
    yield from (f"{spell(otype)} - otype" for otype in sorted(otypes))
    yield from (f"{spell(rtype)} - rtype" for rtype in sorted(rtypes))
    yield from (f"{spell(receptacle.id)} - receptacle" for receptacle in game.receptacles)
    yield from (f"{location} - location" for location in game.locations)


def _facts(game: Game) -> Iterator[str]:
    yield "(= (total-cost) 0)"
    for receptacle in game.receptacles:
        place = spell(receptacle.id)
        yield f"(receptacleType {place} {spell(receptacle.type)})"
        yield f"(receptacleAtLocation {place} {receptacle.location})"
        if receptacle.openable:
            yield f"(openable {place})"
        if receptacle.opened:
            yield f"(opened {place})"
    for thing in game.objects:
        name = spell(thing.id)
        yield f"(objectType {name} {spell(thing.type)})"
        yield from (f"({_STATE_FACTS.get(fact, fact)} {name})" for fact in sorted(thing.flags))
        if thing.receptacle is not None:
            yield f"(inReceptacle {name} {spell(thing.receptacle)})"
        if thing.location is not None:
            yield f"(objectAtLocation {name} {thing.location})"
    yield from (f"(canContain {spell(rtype)} {spell(otype)})" for rtype, otype in sorted(game.can_contain))
    yield f"(atLocation agent1 {game.start})"


def _goal(game: Game) -> str:
    """The package's goal section, which also closes the problem. It writes `#` for the `-` before a type."""
    kinds = {
        "obj": spell(game.goal.object.removesuffix("type")),
        "recep": spell(game.goal.receptacle.removesuffix("type")),
        "toggle": spell(game.goal.toggle.removesuffix("type")),
    }
    return household().goals[game.goal.task_type].format(**kinds).replace("#", "-")


def _block(lines: Iterable[str]) -> str:
    return "".join(f"        {line}\n" for line in lines)
