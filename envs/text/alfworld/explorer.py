"""An expert that plays from the text alone: what it does, a model that reads the same text can learn.

Its next command is a simple function of what can be read so far. It searches receptacles in one fixed order of kinds
(roomy and open ones first), within a kind as the first observation lists them, and only where the object fits; it
delivers to number 1 of the kind asked for; it goes back to where it has last seen what it needs.
"""

from __future__ import annotations

import random
import re
from functools import cache
from re import Pattern

from agentrl.envs.text.alfworld.game import TASK_TYPES
from agentrl.envs.text.alfworld.generator import LAMP_STANDS, ROOMINESS, TREATMENTS
from agentrl.envs.text.alfworld.scenes import household
from agentrl.errors import ConfigError

_NAMES = re.compile(r"\ba (\w+ \d+)")
_SEES = re.compile(r"(?:On the (\w+ \d+)|The (\w+ \d+) is open\. In it), you see ([^.]*)\.")
_TAKES = re.compile(r"You pick up the (\w+ \d+) from the (\w+ \d+)\.")
_MOVES = re.compile(r"You (?:move|put) the (\w+ \d+) (?:to|in/on|in|on) the (\w+ \d+)\.")
_TREATS = re.compile(r"You (?:clean|heat|cool) the (\w+ \d+) using the")


class Explorer:
    """Plays one episode of the original text.

        explorer = Explorer(observation)
        while not done:
            observation, … = env.step(explorer.act(observation))

    Args:
        first_observation: what `reset` returned; it lists the receptacles and states the task.
        mistakes: chance, each turn, of a plausible but wrong or useless command, from which it then recovers.
        seed: of the mistakes; without mistakes nothing is random.

    Raises:
        ConfigError: the first observation lists no receptacle, or states no task of the six known types.
        MissingExtraError: `alfworld` is not installed.
    """

    def __init__(self, first_observation: str, *, mistakes: float = 0.0, seed: int = 0) -> None:
        intro, _, objective = first_observation.partition("Your task is to: ")
        self.task, self.target, self.goal, self.lamp = parse_objective(objective.strip().rstrip("."))
        self.verb, _, self.appliance = TREATMENTS.get(self.task, ("", "", ""))
        self.receptacles: list[str] = _NAMES.findall(intro)
        if not self.receptacles:
            raise ConfigError("the first observation of an ALFWorld game lists receptacles; this one has none")
        self.last_was_mistake = False
        self._mistakes, self._random = mistakes, random.Random(seed)
        self._orders = {kind: self._search_order(kind) for kind in (self.target, self.lamp) if kind}
        self._last = ""
        self._here = ""
        self._looked: set[str] = set()
        """Receptacles whose content has been read."""
        self._opened: set[str] = set()
        self._seen: dict[str, str] = {}
        """Object → the receptacle where it was last seen; what was seen last comes last."""
        self._holding = ""
        self._taken_from = ""
        self._treated: set[str] = set()
        self._older_words = False
        """Whether the game says "put O in/on R" for "move O to R"."""

    def act(self, observation: str) -> str:
        """The next command, given what the last one brought (at first: the first observation)."""
        self._read(observation)
        command = self._plan()
        self.last_was_mistake = False
        if self._mistakes and self._random.random() < self._mistakes:
            mistake = self._mistake()
            self.last_was_mistake = mistake != command
            command = mistake
        self._last = command
        return command

    def _read(self, text: str) -> None:
        """Take in one observation."""
        refused = text.startswith("Nothing happens")
        verb, _, rest = self._last.partition(" to ")
        if verb == "go" and rest in self.receptacles and (refused or text.startswith("You arrive at ")):
            self._here = rest  # where the way to a receptacle is refused, it stands here
        elif refused and not self.last_was_mistake and self._last.startswith(("move ", "put ")):
            self._older_words = not self._older_words
        if match := _SEES.search(text):
            place = match[1] or match[2]
            self._looked.add(place)
            if match[2]:
                self._opened.add(place)
            for thing in _NAMES.findall(match[3]):
                self._seen.pop(thing, None)
                self._seen[thing] = place
        elif match := _TAKES.search(text):
            self._holding, self._taken_from = match[1], match[2]
            self._seen.pop(self._holding, None)
        elif match := _MOVES.search(text):
            self._holding, self._seen[match[1]] = "", match[2]
        elif match := _TREATS.search(text):
            self._treated.add(match[1])

    def _plan(self) -> str:
        if not self._holding:
            thing, place = self._find(self.target)
            return self._at(place, f"take {thing} from {place}") if thing else self._search(self.target)
        if _kind(self._holding) != self.target:
            return self._put(self._taken_from)
        if self.verb and self._holding not in self._treated:
            appliance = f"{self.appliance} 1"
            return self._at(appliance, f"{self.verb} {self._holding} with {appliance}")
        if self.lamp:
            thing, place = self._find(self.lamp)
            return self._at(place, f"use {thing}") if thing else self._search(self.lamp)
        return self._put(f"{self.goal} 1")

    def _find(self, kind: str) -> tuple[str, str]:
        """A thing of a kind and its place: the first listed here, else the one seen last, else two empty strings."""
        found = "", ""
        for thing, place in self._seen.items():
            if _kind(thing) == kind and not self._delivered(thing, place):
                found = thing, place
                if place == self._here:
                    break
        return found

    def _delivered(self, thing: str, place: str) -> bool:
        return place == f"{self.goal} 1" and (not self.verb or thing in self._treated)

    def _search(self, kind: str) -> str:
        """Look into the next receptacle of the search order."""
        if self._here in self._orders[kind] and self._here not in self._looked:
            return self._uncover(self._here)
        for place in self._orders[kind]:
            if place not in self._looked:
                return f"go to {place}"
        self._looked.clear()  # seen everything in vain: start again
        return f"go to {self._orders[kind][0]}"

    def _put(self, place: str) -> str:
        """Bring what is held to a receptacle, and open that if its door is in the way."""
        if self._here == place and _kind(place) in household().openable and place not in self._opened:
            return self._uncover(place)
        return self._at(place, self._put_command(place))

    def _put_command(self, place: str) -> str:
        return f"put {self._holding} in/on {place}" if self._older_words else f"move {self._holding} to {place}"

    def _at(self, place: str, command: str) -> str:
        return command if self._here == place else f"go to {place}"

    def _uncover(self, place: str) -> str:
        shut = _kind(place) in household().openable and place not in self._opened
        return f"open {place}" if shut else f"examine {place}"

    def _search_order(self, kind: str) -> list[str]:
        """Receptacles where a kind of object may be, by what a visit promises per turn; then all others."""

        def rank(place: str) -> tuple[bool, bool, float]:
            where = _kind(place)
            fits = where in LAMP_STANDS if kind == self.lamp else kind in household().holds.get(where, ())
            turns = 2 if where in household().openable else 1
            return where == self.goal, not fits, -ROOMINESS.get(where, 0) / turns

        return sorted(self.receptacles, key=rank)

    def _mistake(self) -> str:
        """A command that a player who is not attentive might give here, or the one that it gave last."""
        pick = self._random.choice
        anywhere = pick(self.receptacles)
        here = self._here or anywhere
        held = self._holding or f"{self.target} 1"
        options = [
            f"go to {anywhere}",
            f"go to {anywhere}",
            f"go to {_kind(anywhere)}",
            f"go to {pick(sorted(household().holds))} {pick((1, 2))}",
            f"examine {here}",
            f"open {anywhere}",
            pick(("look", "inventory")),
        ]
        options += 2 * [self._last] if self._last else []
        options += [f"use {self.lamp} 1"] if self.lamp else []
        if self._holding:
            options += [f"move {held} to {here}", f"move {held} to {anywhere}", f"use {held}"]
            options += [f"{self.verb} {held} with {here}"] if self.verb else []
        else:
            visible = [thing for thing, place in self._seen.items() if place == self._here]
            things = held, held, f"{self.target} 2", pick(visible) if visible else held
            options += [f"take {thing} from {here}" for thing in things]
            options += [f"take {self.target}", f"move {held} to {here}"]
        return pick(options)


def parse_objective(objective: str) -> tuple[str, str, str, str]:
    """Task type, object kind, receptacle kind and lamp kind ("" where there is none) of an objective sentence.

    Raises:
        ConfigError: it follows none of the templates of the six task types.
    """
    for task, pattern in _patterns():
        if match := pattern.fullmatch(objective):
            found = {"recep": "", "toggle": ""} | match.groupdict()
            return task, found["obj"], found["recep"], found["toggle"]
    raise ConfigError(f"the objective {objective!r} follows no ALFWorld template, so the explorer cannot read it")


@cache
def _patterns() -> list[tuple[str, Pattern[str]]]:
    return [
        (task, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\w+)", re.escape(template))))
        for task in TASK_TYPES
        for template in household().templates[task]
    ]


def _kind(name: str) -> str:
    return name.partition(" ")[0]
