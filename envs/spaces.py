"""A Gymnasium space of Unicode text."""

from __future__ import annotations

import string
from typing import Any

from gymnasium import spaces

MAX_LENGTH = 2**21
"""Characters; long enough that a hostile megabyte is still an action, which the environment then calls invalid."""


class Unicode(spaces.Text):
    """Any string up to `max_length` characters, the empty one included.

    `gymnasium.spaces.Text` admits only the characters of a finite set, so that the first newline or accent fails
    `check_env`. Samples are printable ASCII of at most 64 characters.
    """

    def __init__(self, max_length: int = MAX_LENGTH, *, seed: int | None = None) -> None:
        super().__init__(max_length, min_length=0, charset=string.printable[:95], seed=seed)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        if mask is not None or probability is not None:
            return super().sample(mask=mask, probability=probability)
        letters = self.np_random.integers(len(self.character_list), size=self.np_random.integers(65))
        return "".join(self.character_list[i] for i in letters)

    def __repr__(self) -> str:
        return f"Unicode({self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unicode) and other.max_length == self.max_length
