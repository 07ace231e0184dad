"""TextWorld-v0: text adventures, made on demand and played by the original engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self, overload

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.text.textworld import commands, levels, library
from agentrl.envs.text.textworld.engine import Interpreter, Position, load
from agentrl.envs.text.textworld.oracle import solution
from agentrl.envs.text.textworld.player import Player
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

_HELD_OUT = {"valid": 100, "test": 500}


class TextWorldEnv(TextEnv):
    """Games of one level, e.g. `gym.make("TextWorld-v0", level="cooking-recipe1-take1-go6-open")`.

    Côté, M.-A. et al. (2018), TextWorld: A Learning Environment for Text-based Games, arXiv:1806.11532. A game is
    made at its first reset, which takes seconds, and kept in `library.cache_folder()`. Making one needs the compilers
    that TextWorld's wheel has for Linux on x86-64; playing does not.

    Reward channels: `outcome` is 1 when the game is won; `score` is the share of the greatest score gained in this
    turn; `progress` is TextWorld's intermediate reward: 1, 0 or -1 as the way to win gets shorter, stays as long, or
    gets longer. `dense` is the share of the way that is behind for the first time: the sum over a won game is 1, as
    that of the dense rewards of arXiv:2510.01132, and walking to and fro earns nothing.

    Args:
        level: see `levels`.
        split: `train`, `valid` or `test`; no two share a seed, and the cooking and simple challenges keep foods apart
            as TextWorld does.
        games: how many games `train` has. Each costs seconds once, and 0.4 MB in the cache.

    Raises:
        UnknownNameError, ConfigError: the level's name is not one.
    """

    splits = ("train", "valid", "test")
    channels = ("outcome", "score", "progress", "dense")
    blocking = True
    state: Position | None

    def __init__(
        self,
        level: str = "w2-o3-q4",
        *,
        split: str | None = None,
        games: int = 10_000,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        self.level = levels.parse(level)
        if not 1 <= games <= library.MAX_TASKS:
            raise ConfigError(f"games must be between 1 and {library.MAX_TASKS}, not {games}")
        self.games = games
        self._interpreter = Interpreter()

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return _TaskIds(split, _HELD_OUT.get(split, self.games))

    def begin(self, task_id: str) -> Result:
        split, _, index = task_id.partition("/")
        if split not in self.splits or not index.isdecimal() or int(index) >= library.MAX_TASKS:
            raise UnknownNameError("task", task_id, ["train/0", "valid/0", "test/0"])
        story = load(library.game_file(self.level, split, int(index)))
        text, self.state = self._interpreter.begin(story)
        return Result(text, admissible_commands=self.state.admissible_commands())

    def act(self, action: str) -> Result:
        before = self.state
        assert before is not None
        reply = self._interpreter.play(before, commands.normalise(action))
        self.state = reply.position
        if not reply.understood:
            return Result(
                reply.text,
                outcome=Outcome.invalid_action(reply.text.partition("\n")[0]),
                admissible_commands=reply.position.admissible_commands(),
            )
        done = reply.won or reply.lost
        return Result(
            reply.text,
            rewards={
                "outcome": float(reply.won),
                "score": (reply.position.score - before.score) / max(before.story.max_score, 1),
                "dense": (before.nearest - reply.position.nearest) / before.way,
                "progress": 1.0 if reply.won else -1.0 if reply.lost else _progress(before, reply.position),
            },
            outcome=Outcome.terminated(success=reply.won) if done else Outcome.running(),
            admissible_commands=[] if done else reply.position.admissible_commands(),
        )

    def oracle(self) -> Iterator[str]:
        """Raises NoSolutionError where TextWorld knows no way to win any more."""
        return iter(solution(self.state)) if self.state is not None else iter(())

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Player:
        return Player(self._now, mistakes=mistakes, seed=seed)

    def _now(self) -> Position:
        assert self.state is not None
        return self.state

    def copy_state(self, state: Position | None) -> Position | None:
        return state and state.copy()

    def fork(self) -> Self:
        twin = super().fork()
        twin._interpreter = Interpreter()
        return twin


def _progress(before: Position, after: Position) -> float:
    if before.policy is None or after.policy is None:
        return 0.0
    closer = len(before.policy) - len(after.policy)
    return float((closer > 0) - (closer < 0))


class _TaskIds(Sequence[str]):
    """`train/0`, `train/1` … without writing them all down."""

    def __init__(self, split: str, count: int) -> None:
        self._split, self._indices = split, range(count)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [f"{self._split}/{i}" for i in self._indices[index]]
        return f"{self._split}/{self._indices[index]}"
