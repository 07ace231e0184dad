"""ALFWorld's step and reset, ours through `gym.make` and the original package's, on the same games and actions."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym

from agentrl.cli.bench.timing import Timing, one_core
from agentrl.errors import MissingExtraError, RunStoppedError

NEW_GAMES = 200
"""Resets to generated games that our engine has never seen."""
MORE_WALKS = 30
"""Further random walks in each game for our engine alone, which is that much faster."""


@dataclass(slots=True)
class Times:
    """Seconds of each reset and step."""

    reset: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)


Said = tuple[str, list[str], bool]
"""The text, the admissible commands, and whether the episode is over."""


class Player(Protocol):
    """Either engine."""

    def reset(self, game: Path) -> Said: ...

    def step(self, action: str) -> Said: ...


class Ours:
    """Through `gym.make`, with all its wrappers."""

    def __init__(self, games: Path) -> None:
        self.env = gym.make("ALFWorld-v0", games=str(games), max_episode_steps=10_000)

    def reset(self, game: Path) -> Said:
        text, info = self.env.reset(options={"task": str(game)})
        return text, info["admissible_commands"], False

    def step(self, action: str) -> Said:
        text, _, terminated, truncated, info = self.env.step(action)
        return text, info["admissible_commands"], terminated or truncated


class Original:
    """TextWorld's PDDL environment in alfworld's wrappers, as the package's own environment builds it."""

    def __init__(self) -> None:
        try:
            import textworld
            from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
        except ImportError as error:
            raise MissingExtraError("alfworld", "text") from error
        infos = textworld.EnvInfos(won=True, admissible_commands=True)
        self.env: Any = AlfredInfos(AlfredDemangler(textworld.envs.PddlEnv(infos), shuffle=False))

    def reset(self, game: Path) -> Said:
        self.env.load(str(game))
        state = self.env.reset()
        return state.feedback, list(state.admissible_commands), False

    def step(self, action: str) -> Said:
        state, _, done = self.env.step(action)
        return state.feedback, list(state.admissible_commands), done


def measure(games: int, steps: int, seed: int = 0) -> dict[str, Any]:
    """Play the same random admissible walks with both engines on one core; compare times, texts and commands.

    Our engine remembers what it worked out about a game (its file, the commands of a state), as it does in training,
    where a game is played many times. So it is measured on the first walk through a game that it has never seen,
    which is also the original's walk, and on further random walks. The original's reset is that of its own
    environment, which loads a game file each time.

    Args:
        games: exported games, spread over the task types.
        steps: steps in each game.

    Raises:
        MissingExtraError: `alfworld` is not installed.
        RunStoppedError: the engines do not say the same; times of different games would not compare.
    """
    original, cold, warm = Times(), Times(), Times()
    with _exported(games) as (folder, files), one_core():
        slow, fast = Original(), Ours(folder)
        generated = _resets_to_new_games(NEW_GAMES)
        for i, file in enumerate(files):
            walk = _walk(slow, original, file, steps, random.Random(f"{seed}/{i}"))
            _repeat(fast, cold, file, walk)
            for more in range(MORE_WALKS):
                _walk(fast, warm, file, steps, random.Random(f"{seed}/{i}/{more}"))
    return {
        "env": "ALFWorld-v0",
        "against": "alfworld",
        "games": games,
        "step": _compare(warm.step, original.step),
        "reset": _compare(warm.reset, original.reset),
        "first walk, step": _compare(cold.step, original.step),
        "first reset, generated": _compare(generated, original.reset),
        "first reset, from file": _compare(cold.reset, original.reset),
    }


def _resets_to_new_games(count: int) -> list[float]:
    env: Any = gym.make("ALFWorld-v0")
    tasks, seconds = env.tasks("train"), list[float]()
    for i in range(count):
        _timed(seconds, lambda task: env.reset(options={"task": task}), tasks[i])
    return seconds


def _compare(ours: list[float], original: list[float]) -> dict[str, Any]:
    mine, theirs = Timing.of(ours), Timing.of(original)
    return {"ours": mine, "original": theirs, "ratio": theirs.median / mine.median}


@dataclass(frozen=True, slots=True)
class Walk:
    """What was done in a game, and what the original said to it."""

    actions: list[str]
    said: list[Said]


def _walk(player: Player, times: Times, game: Path, steps: int, rng: random.Random) -> Walk:
    walk = Walk([], [_timed(times.reset, player.reset, game)])
    while len(walk.actions) < steps and not walk.said[-1][2]:
        walk.actions.append(rng.choice(walk.said[-1][1]))
        walk.said.append(_timed(times.step, player.step, walk.actions[-1]))
    return walk


def _repeat(player: Player, times: Times, game: Path, walk: Walk) -> None:
    said = [_timed(times.reset, player.reset, game)]
    said += [_timed(times.step, player.step, action) for action in walk.actions]
    for i, (mine, original) in enumerate(zip(said, walk.said, strict=True)):
        if mine[1:] != original[1:] or mine[0].strip() != original[0].strip():
            raise RunStoppedError(f"{game}: the engines differ after {walk.actions[:i]}")


def _timed(seconds: list[float], call: Any, argument: Any) -> Any:
    begun = time.perf_counter()
    result = call(argument)
    seconds.append(time.perf_counter() - begun)
    return result


@contextmanager
def _exported(count: int) -> Iterator[tuple[Path, list[Path]]]:
    from agentrl.envs.text.alfworld.export import export

    env: Any = gym.make("ALFWorld-v0")
    with tempfile.TemporaryDirectory(prefix="agentrl-bench-") as folder:
        yield Path(folder), export(list(env.tasks("valid_unseen"))[:count], folder)
