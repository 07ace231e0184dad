"""An expert in the small language: it looks at the tests, edits, tests again, and submits.

It knows the fix, as it cannot be told from what is shown. What it adds is the way there, and the way back from a wrong
edit.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agentrl.envs.swe import edits
from agentrl.errors import ConfigError

if TYPE_CHECKING:
    from agentrl.envs.swe.lines import LinesSurface

_OTHERWISE = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "+": "-",
    "-": "+",
    "*": "+",
    "and": "or",
    "or": "and",
    "in": "not in",
    "0": "1",
    "1": "0",
    "2": "1",
    "True": "False",
    "False": "True",
}


class Repairer:
    """The demonstrator of an episode in `lines`.

    Args:
        surface: at the start of the episode.
        solved: the files with the fix.
        mistakes: how likely it is, each time it is about to act, that it edits something else first, which it takes
            back in its next turn.

    Raises:
        ConfigError: the language cannot say the fix.
    """

    def __init__(
        self, surface: LinesSurface, solved: Mapping[str, bytes], *, seed: int = 0, mistakes: float = 0.0
    ) -> None:
        solution = surface.view.changes(surface.files, solved)
        if solution is None:
            raise ConfigError("the fix of this task is not among the lines shown, or cannot be said in the language")
        self.last_was_mistake = False
        self._surface = surface.fork()
        self._rng, self._mistakes = random.Random(seed), mistakes
        self._plan = iter(["test", *solution, "test", "submit"])
        self._moves = self._act()

    def act(self, observation: str) -> str:
        return next(self._moves)

    def _act(self) -> Iterator[str]:
        for action in self._plan:
            if self._rng.random() < self._mistakes and (wrong := self._wrong()):
                there, back = wrong
                self.last_was_mistake = True
                yield there
                self.last_was_mistake = False
                yield back
            self._edit(action)
            yield action

    def _edit(self, action: str) -> None:
        if action.startswith("replace"):
            self._surface.act(action)

    def _wrong(self) -> tuple[str, str] | None:
        """An edit that looks like a fix and is none, and the one that takes it back."""
        lines = self._surface.lines()
        choices = [(number, old) for number in lines for old in _OTHERWISE if old in lines[number]]
        self._rng.shuffle(choices)
        for number, old in choices:
            before = lines[number]
            try:
                after = edits.replace(before, old, _OTHERWISE[old])
            except edits.EditError:
                continue
            there, back = edits.shortest(before, after), edits.shortest(after, before)
            if there and back and self._surface.fork().act(f"replace {edits.text_of(number, *there)}").problem == "":
                return f"replace {edits.text_of(number, *there)}", f"replace {edits.text_of(number, *back)}"
        return None
