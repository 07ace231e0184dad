"""Agents that need no model: they read the observation, or know the answer, and say what to do.

A player is made for one episode, after `reset`: `PLAYERS["explorer"](env, seed)`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agentrl.agents.rollout import failed_turn
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, InfraError, UnknownNameError
from agentrl.types import Outcome, Task, Turn


class Player(Protocol):
    """Plays one episode."""

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        """The next action, given what the environment showed and the `info` that came with it."""
        ...


PlayerFactory = Callable[[Episode, int], Player]
"""Makes the player of an episode that has just been reset; the int seeds its choices, if it makes any."""


class Oracle:
    """Carries out the environment's own solution of the episode."""

    def __init__(self, env: Episode) -> None:
        self._solution = env.oracle()

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        action = next(self._solution, None)
        if action is None:
            raise ConfigError(f"the oracle of task {info['task_id']} ran out of actions before the episode ended")
        return action


class Explorer:
    """Acts from observations alone, as the environment's demonstrator does."""

    def __init__(self, env: Episode, seed: int = 0) -> None:
        self._expert = env.demonstrator(seed=seed)

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        return self._expert.act(observation)


class Random:
    """Any admissible command."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        commands: list[str] = info.get("admissible_commands", [])
        if not commands:
            raise ConfigError("this environment does not say which commands are admissible; a random player needs them")
        return self._random.choice(commands)


class Human:
    """Asks a person.

    Args:
        show: prints an observation.
        ask: reads a line after a prompt.
    """

    def __init__(self, show: Callable[[str], object] = print, ask: Callable[[str], str] = input) -> None:
        self._show, self._ask = show, ask

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        self._show(observation)
        return self._ask("> ").strip()


PLAYERS: dict[str, PlayerFactory] = {
    "oracle": lambda env, seed: Oracle(env),
    "explorer": Explorer,
    "random": lambda env, seed: Random(seed),
    "human": lambda env, seed: Human(),
}


def player_factory(name: str) -> PlayerFactory:
    """The players of that name.

    Raises:
        UnknownNameError: there are none.
    """
    if name not in PLAYERS:
        raise UnknownNameError("player", name, PLAYERS)
    return PLAYERS[name]


def play_with(
    env: Episode, make_player: PlayerFactory, task: Task, *, seed: int = 0, max_turns: int | None = None
) -> list[Turn]:
    """Let a player play one task; its turns have texts, rewards and outcomes, but no tokens.

    By default the environment's own time limit is the only one.

    Where a sandbox or a server fails, the turns so far are kept, and one more has the outcome `infra_error`.
    """
    turns: list[Turn] = []
    try:
        observation, info = env.reset(seed=task.seed, options={"task": task.task_id})
        player = make_player(env, seed)
        while not turns or not turns[-1].outcome.done:
            begun = time.perf_counter()
            action, images = player.act(observation, info), info.get("images", ())
            feedback, _, _, _, info = env.step(action)
            seconds = time.perf_counter() - begun
            turns.append(played(turns, observation, action, feedback, info, max_turns, seconds, images))
            observation = feedback
    except InfraError as error:
        turns.append(failed_turn(turns, len(turns) - 1 if turns else None, str(error)))
    return turns


def played(
    past: Sequence[Turn],
    observation: str,
    action: str,
    feedback: str,
    info: Mapping[str, Any],
    max_turns: int | None,
    seconds: float,
    images: Sequence[bytes] = (),
) -> Turn:
    """The turn after `past` in an episode of at most `max_turns`, played without tokens.

    Args:
        info: that came with `feedback`.
        images: that came with `observation`.
    """
    outcome: Outcome = info["outcome"]
    if not outcome.done and max_turns is not None and len(past) + 1 >= max_turns:
        outcome = Outcome.truncated("max_turns")
    return Turn(
        parent=len(past) - 1 if past else None,
        prompt_ids=(),
        action_ids=(),
        logprobs=(),
        versions=(),
        observation=observation,
        action=action,
        rewards=dict(info["rewards"]),
        outcome=outcome,
        feedback=feedback,
        cost=dict(info.get("cost", {})),
        seconds=seconds,
        actor=info.get("actor", ""),
        images=tuple(images),
        last_images=tuple(info.get("images", ())) if outcome.done else (),
    )
