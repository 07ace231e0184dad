"""Arguments that several commands share, and what is made of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import gymnasium as gym
import typer

from agentrl.config import parse_value
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.registry import resolve

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one configuration key; may be repeated."),
]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="KEY=VALUE", help="An argument of gym.make, e.g. level=w2-o3-q4; may be repeated."),
]
Engine = Annotated[
    str, typer.Option(metavar="URL", help="Let a model play that an OpenAI-compatible server has: http://host/v1.")
]
Model = Annotated[str, typer.Option(help="Of --engine: the name of the model.")]
ApiKey = Annotated[str, typer.Option(envvar="AGENTRL_ENGINE_API_KEY", help="Of --engine.")]
Images = Annotated[
    int, typer.Option(min=0, help="Of --engine: how many observations it is shown with their pictures, the latest.")
]
Seed = Annotated[int, typer.Option(help="Seed of the agent's choices.")]
MaxTurns = Annotated[int, typer.Option(min=1, help="Turns per episode, at most.")]
Temperature = Annotated[float, typer.Option(min=0, help="Of a model; 0 is greedy.")]
Split = Annotated[str | None, typer.Option(help="The split to take tasks from; default: the environment's first.")]


def keywords(items: list[str] | None) -> dict[str, Any]:
    """`key=value` items as keyword arguments; values are read as TOML, anything else is a string.

    Raises:
        ConfigError: an item has no `=`.
    """
    pairs = [item.partition("=") for item in items or []]
    for key, separator, _ in pairs:
        if not (separator and key.strip()):
            raise ConfigError(f"--with {key}: write it as key=value, e.g. --with level=w2-o3-q4")
    return {key.strip(): parse_value(value.strip()) for key, _, value in pairs}


def check_engine(engine: str, model: str) -> None:
    """
    Raises:
        ConfigError: one of `--engine` and `--model` is given without the other.
    """
    if bool(engine) != bool(model):
        raise ConfigError("give --engine and --model together: which model shall play, and where it is")


@contextmanager
def make_env(
    env_id: str, arguments: list[str] | None = None, *, max_turns: int | None = None, **more: Any
) -> Iterator[Episode]:
    """An environment of the contract by its id, or by `module:Id-v0`, where importing the module registers it.

    Args:
        max_turns: lowers its time limit, where that is higher.

    Raises:
        UnknownNameError: no such id is registered; the message names the nearest.
        ConfigError: the module cannot be imported, or the environment refuses its arguments.
    """
    name = resolve(env_id)
    more = keywords(arguments) | more
    if max_turns is not None:
        more["max_episode_steps"] = turn_limit(name, arguments, max_turns)
    try:
        env = gym.make(name, **more)
    except TypeError as error:  # an argument that the class does not take
        raise ConfigError(f"{name}: {error}") from error
    if not isinstance(env, Episode):
        env.close()
        raise ConfigError(f"{name} lacks the contract: register it with agentrl.register")
    try:
        yield env
    finally:
        env.close()


def turn_limit(env_id: str, arguments: list[str] | None, max_turns: int) -> int:
    """The time limit of an environment, at most `max_turns`."""
    own = keywords(arguments).get("max_episode_steps") or gym.spec(env_id).max_episode_steps or -1
    return min(own, max_turns) if own > 0 else max_turns


def print_json(data: object) -> None:
    """Write `data` to stdout as indented JSON."""
    json.dump(data, sys.stdout, indent=2, ensure_ascii=False)
    print()
