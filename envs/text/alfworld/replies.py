"""What the engine says: a grammar's texts filled with a game's names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentrl.envs.text.alfworld.game import Rule, Texts
from agentrl.envs.text.alfworld.state import BIT

_REMEMBERED = 2048
"""Lists of objects kept per game."""


class Replies:
    """Replies over the indices of objects `o`, receptacles `r` and locations `l`."""

    def __init__(
        self, texts: Texts, objects: Sequence[str], receptacles: Sequence[str], locations: Sequence[str]
    ) -> None:
        self.texts = texts.replies
        self.objects, self.receptacles, self.locations = objects, receptacles, locations
        self._lists: dict[tuple[int, ...], str] = {}

    def intro(self, look: str, objective: str) -> str:
        return self.texts["intro"].format(look=look, task=f"Your task is to: {objective}.")

    def done(self, action: str, o: int, r: int) -> str:
        """An action on an object with or at a receptacle."""
        return self.texts[action].format(o=self.objects[o], r=self.receptacles[r])

    def arrived(self, r: int, location: int, seen: str) -> str:
        return self.texts["gotolocation"].format(r=self.receptacles[r], l=self.locations[location], examine=seen)

    def opened(self, r: int, seen: str) -> str:
        return self.texts["openobject"].format(r=self.receptacles[r], examine=seen)

    def sliced(self, o: int, knife: int) -> str:
        return self.texts["sliceobject"].format(co=self.objects[o], ko=self.objects[knife])

    def carrying(self, held: int) -> str:
        if held < 0:
            return self.texts["empty_handed"]
        return self.texts["carrying"].format(o_with_article=f"a {self.objects[held]}")

    def contents(self, r: int, state: str, things: tuple[int, ...]) -> str:
        """What is seen of a receptacle that is `open`, `closed` or without a door (`on`)."""
        return self.texts[state].format(r=self.receptacles[r], objects=self.list_objects(things))

    def about(self, o: int, facts: int, rules: Iterable[Rule], inside: tuple[int, ...]) -> str:
        """The first rule whose facts all hold."""
        for conditions, reply in rules:
            if all(facts & BIT[condition] for condition in conditions):
                return reply.format(o=self.objects[o], objects=self.list_objects(inside))
        raise AssertionError("the last rule has no condition")  # read_grammar sees to it

    def facing(self, here: Iterable[int], beside: Iterable[int]) -> str:
        """Looking around in front of the receptacles `here`."""
        things = [f"a {self.objects[o]}" for o in beside]
        texts = self.texts
        return texts["at_receptacle"].format(
            facing=texts["facing"].format(receptacles=self._join([self.receptacles[r] for r in here])),
            beside=texts["beside"].format(objects=self._join(things)) if things else texts["nothing_beside"],
        )

    def in_the_middle(self, receptacles: Iterable[int]) -> str:
        """Looking around in the middle of the room."""
        seen = [f"a {self.receptacles[r]}" for r in receptacles]
        texts = self.texts
        return texts["in_the_middle"].format(
            appliances=texts["appliances"].format(receptacles=self._join(seen)) if seen else texts["no_appliances"]
        )

    def list_objects(self, things: tuple[int, ...]) -> str:
        text = self._lists.get(things)
        if text is None:
            if len(self._lists) >= _REMEMBERED:
                self._lists.clear()
            text = self._lists[things] = self._join([f"a {self.objects[o]}" for o in things])
        return text

    def _join(self, items: list[str]) -> str:
        if len(items) > 1:  # "a, and b": the original has the comma with two items too
            return self.texts["list_last_separator"].join((self.texts["list_separator"].join(items[:-1]), items[-1]))
        return items[0] if items else self.texts["list_empty"]
