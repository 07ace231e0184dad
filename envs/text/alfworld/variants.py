"""Variants of a game file for the comparison with the original: older grammars, and facts that our generator avoids."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from agentrl.envs.text.alfworld.loader import game_from_data

VARIANTS = ("as generated", "grammar of 2.1.1", "grammar of 2.1.2", "rough facts")


def vary(data: Mapping[str, Any], variant: str, chance: random.Random) -> dict[str, Any]:
    """A copy of a game file's content, changed as one of `VARIANTS` says."""
    varied = dict(data)
    if variant == "rough facts":
        varied["pddl_problem"] = _roughen(data, chance)
    elif variant != "as generated":
        varied["grammar"] = _age(data["grammar"])
        if variant == "grammar of 2.1.1":
            varied["pddl_domain"] = re.sub(r"\(:action help\s.*?\n\)\n", "", data["pddl_domain"], flags=re.DOTALL)
        else:  # that release added `help` by a script, whose reply has escapes that are never resolved
            varied["grammar"] += (
                '\naction help {\n  template :: "help";\n  feedback :: "\\nAvailable commands:\\n";\n}\n'
            )
    return varied


def _age(grammar: str) -> str:
    """The grammar before "move O to R" and `help`."""
    for new, old in (
        ("You arrive at {r.name}.", "You arrive at {lend.name}."),
        ('"move {o} to {r}"', '"put {o} in/on {r}"'),
        ("You move the {o.name} to the {r.name}.", "You put the {o.name} in/on the {r.name}."),
    ):
        grammar = grammar.replace(new, old)
    return grammar[: grammar.index("action help {")]


def _roughen(data: Mapping[str, Any], chance: random.Random) -> str:
    """The problem with facts as real scenes have them, and some that are merely allowed."""
    game = game_from_data(data, "to be varied")
    problem = str(data["pddl_problem"])
    facts = [f"(opened {r.id})" for r in game.receptacles if r.openable and chance.random() < 0.3]
    bowls = [o.id for o in chance.sample(game.objects, 3)]
    facts.extend(f"(isReceptacleObject {bowl})" for bowl in bowls)
    for thing in game.objects:
        if chance.random() < 0.15:
            other = chance.choice(game.receptacles)
            facts.extend((f"(inReceptacle {thing.id} {other.id})", f"(objectAtLocation {thing.id} {other.location})"))
        if chance.random() < 0.15:
            facts.append(f"(inReceptacleObject {thing.id} {chance.choice(bowls)})")
        if chance.random() < 0.3:
            facts.append(f"({chance.choice(('isClean', 'isHot', 'isCool', 'isSliced', 'sliceable'))} {thing.id})")
    if chance.random() < 0.5:  # start in front of something
        problem = re.sub(r"(?i)\(atLocation agent1 [^)]*\)", "", problem)
        facts.append(f"(atLocation agent1 {chance.choice(game.receptacles).location})")
    return re.sub(r"\(:init", lambda _: "(:init\n" + "\n".join(facts), problem, count=1)
