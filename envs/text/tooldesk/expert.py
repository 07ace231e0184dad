"""An expert that serves from the text alone: what it does, a model that reads the same text can learn."""

from __future__ import annotations

import random
import re
from collections.abc import Generator

from agentrl.envs.text.tooldesk.calls import Call, Done, Say
from agentrl.envs.text.tooldesk.desk import Refused, Steps, understand
from agentrl.envs.text.tooldesk.domain import Domain
from agentrl.envs.text.tooldesk.user import FAREWELL
from agentrl.envs.text.tooldesk.wishes import QUESTIONS, REFUSAL

_IDENTITY = re.compile(r"I am ([a-z]+ [a-z]+), pin (\d+)\.")


class Expert:
    """Plays one episode.

        expert = Expert(domain, seed=0)
        while not done:
            observation, … = env.step(expert.act(observation))

    Args:
        domain: whose phrases and services it knows.
        mistakes: chance, each turn, of a useless or refused action that changes nothing; it then goes on as before.
        seed: of the mistakes; without mistakes nothing is random.
    """

    def __init__(self, domain: Domain, *, mistakes: float = 0.0, seed: int = 0) -> None:
        self.last_was_mistake = False
        self._domain, self._mistakes, self._random = domain, mistakes, random.Random(seed)
        self._serving: Generator[str, str, None] | None = None
        self._intended = ""
        self._numbers: list[str] = []

    def act(self, observation: str) -> str:
        """The next action, given what the last one brought (first: the observation of `reset`)."""
        if not self.last_was_mistake:
            if self._serving is None:
                self._serving = self._serve(observation)
                self._intended = next(self._serving)
            else:
                self._numbers += re.findall(r"\d+", observation)
                self._intended = self._serving.send(observation)
        self.last_was_mistake = bool(self._mistakes) and self._random.random() < self._mistakes
        return self._mistake() if self.last_was_mistake else self._intended

    def _serve(self, observation: str) -> Generator[str, str, None]:
        said = observation.rpartition("User: ")[2]
        wish = understand(said, self._domain.phrases)
        if not (known := _IDENTITY.search(said)):
            known = _IDENTITY.search((yield Say(QUESTIONS["identity"]).text()))
        user = ""
        if known:
            user = yield Call("find_user", {"name": known[1], "pin": known[2]}).text()
        while FAREWELL not in said:
            said = yield Say((yield from self._words(wish, user))).text()
            wish = understand(said, self._domain.phrases) or wish
        while True:
            yield Done().text()

    def _words(self, wish: tuple[str, dict[str, str]] | None, user: str) -> Steps:
        """Serve a wish; returns what to say in the end."""
        try:
            if wish is None:
                raise Refused("unknown")
            kind, slots = wish
            return (yield from self._domain.services[kind](user, slots))
        except Refused as reason:
            return f"{REFUSAL}: {reason}"

    def _mistake(self) -> str:
        """An action that an inattentive agent might take here. None of them changes anything."""
        pick = self._random.choice
        name, *words = self._intended.split(" ")
        number = pick(self._numbers or ["10"])
        lookups = [tool for tool in self._domain.tools.values() if not tool.writes and tool.name != "transfer"]
        options = [name[:-1], f"{name} {number}", f"say {number}", f"{pick(lookups).name} {number}"]
        if words and name in self._domain.tools:
            options += [
                " ".join([name, *words[:-2]]),  # an argument is missing
                " ".join([name, *words, "reason", "unclear", "reason", "unclear"]),
                " ".join([f"get_{name}", *words]),
            ]
            if not self._domain.tools[name].writes:
                options.append(" ".join([name, *words[:-1], number]))  # somebody else's, or the wrong one
        return pick(options)
