"""A planner that acts from the text alone and is content with the first plan that will do.

What it does, a model that reads the same text can learn. It keeps to the limits and pays little heed to the wishes.
"""

from __future__ import annotations

import random

from agentrl.envs.text.travel.reading import Asked, read_request
from agentrl.envs.text.travel.routines import Steps, compare, day, days, direction, search


class Planner:
    """Plays one episode.

        planner = Planner(seed=0)
        while not done:
            observation, … = env.step(planner.act(observation))

    Args:
        mistakes: chance, each turn, of an action that is ill-formed or of no use; it then goes on as before.
        seed: of the mistakes; without mistakes nothing is random.
    """

    def __init__(self, *, mistakes: float = 0.0, seed: int = 0) -> None:
        self.last_was_mistake = False
        self._mistakes, self._random = mistakes, random.Random(seed)
        self._steps: Steps | None = None
        self._intended = ""

    def act(self, observation: str) -> str:
        """The next action, given what the last one brought (first: the observation of `reset`)."""
        if not self.last_was_mistake:
            if self._steps is None:
                self._steps = _plan(read_request(observation.rpartition("Request: ")[2]))
                self._intended = next(self._steps)
            else:
                self._intended = self._steps.send(observation)
        self.last_was_mistake = self._random.random() < self._mistakes
        return self._mistake() if self.last_was_mistake else self._intended

    def _mistake(self) -> str:
        """Something that an inattentive planner might do; it changes nothing."""
        verb, _, rest = self._intended.partition(" ")
        word, number = f"{rest} museum".split()[-1], self._random.randrange(10, 100)
        return self._random.choice([f"{verb}s {rest}", f"{rest} {verb}", "show", f"hours of {word} {number}", "cities"])


def _plan(asked: Asked) -> Steps:
    kinds = {"direction": direction, "search": search, "compare": compare, "day": day, "days": days}
    yield from kinds[asked.kind](asked)
    while True:
        yield "finish"
