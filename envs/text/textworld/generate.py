"""Make one TextWorld game, in a process of its own: `python generate.py '{"challenge": …}'`.

A process of its own because TextWorld draws from global generators and, in the cooking challenge, walks through sets
of strings, so that the same seed gives another game under another `PYTHONHASHSEED` (seen with 1.7.0); the parent
fixes it. This file imports nothing of agentrl. The job is JSON: `challenge`, `options`, `seed`, `path` (of the .z8).
Exit code 3: TextWorld cannot make this game; the last line of stderr says why.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

CANNOT = 3


def make(challenge: str, options: dict[str, Any], seed: int, path: str) -> None:
    """Write `path` and, beside it, the .json that TextWorld's state tracking needs."""
    import numpy as np
    import textworld
    import textworld.challenges
    from textworld.generator import compile_game, make_game

    random.seed(seed)
    np.random.seed(seed)
    textworld.g_rng.set_seed(seed)
    wanted = textworld.GameOptions()
    wanted.seeds = seed
    wanted.path = path
    if challenge == "custom":
        wanted.nb_rooms = options["nb_rooms"]
        wanted.nb_objects = options["nb_objects"]
        wanted.quest_length = options["quest_length"]
        game = make_game(wanted)
    else:
        game = textworld.challenges.CHALLENGES[challenge][1](settings=options, options=wanted)
    compile_game(game, wanted)


def main() -> int:
    from textworld.generator import CouldNotCompileGameError, QuestGenerationError
    from textworld.generator.vtypes import NotEnoughNounsError
    from textworld.generator.world import NoFreeExitError

    try:
        make(**json.loads(sys.argv[1]))
    except (QuestGenerationError, CouldNotCompileGameError, NotEnoughNounsError, NoFreeExitError, ValueError) as error:
        print(" ".join(str(error).split())[:500], file=sys.stderr)
        return CANNOT
    return 0


if __name__ == "__main__":
    sys.exit(main())
