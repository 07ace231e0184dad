"""`agentrl play`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from agentrl.cli.options import Split, With, make_env
from agentrl.envs.base import Episode
from agentrl.types import Outcome

HELP = "Type a command; ? lists what does something here, Ctrl-D leaves."


def play(
    env_id: Annotated[str, typer.Argument(help="Environment, e.g. ALFWorld-v0.")] = "ALFWorld-v0",
    task: Annotated[str | None, typer.Option(help="Task id; default: one drawn from the split.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="Watch oracle, explorer, random, or the model or run at a path.")
    ] = None,
    split: Split = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draw; default: another game each time.")] = None,
    delay: Annotated[float, typer.Option(min=0, help="Seconds between the turns when watching.")] = 0.5,
    max_turns: Annotated[int, typer.Option(min=1, help="Turns when watching, at most.")] = 50,
    arguments: With = None,
) -> None:
    """Play an environment in the terminal, or watch an agent play it turn by turn.

    Examples:

        agentrl play ALFWorld-v0

        agentrl play ALFWorld-v0 --split test_unseen --agent runs/alfworld-001
    """
    console = Console(highlight=False)
    more: dict[str, Any] = {"split": split} if split else {}
    with make_env(env_id, arguments, **more) as env:
        observation, info = env.reset(seed=seed, options={"task": task} if task else None)
        console.print(f"{env_id}, task {info['task_id']}", style="dim")
        if agent is None:
            _human(env, observation, info, console)
            return
    _watch(env_id, arguments, info["task_id"], agent, seed or 0, max_turns, delay, console)


def _human(env: Episode, observation: str, info: Mapping[str, Any], console: Console) -> None:
    console.print(HELP, style="dim")
    while True:
        console.print(Text(observation))
        action = _ask(info, console)
        if action is None:
            console.print("\nleft")
            return
        observation, _, _, _, info = env.step(action)
        _rewards(info["rewards"], console)
        if info["outcome"].done:
            console.print(Text(observation))
            _ending(info["outcome"], console)
            return


def _ask(info: Mapping[str, Any], console: Console) -> str | None:
    """What the person types; None at the end of input."""
    while True:
        try:
            action = console.input("[bold cyan]> [/]").strip()
        except EOFError:
            return None
        if action != "?":
            return action
        commands = info.get("admissible_commands")
        console.print(Text(", ".join(commands) if commands else "This environment does not tell."), style="dim")


def _watch(
    env_id: str,
    arguments: list[str] | None,
    task: str,
    agent: str,
    seed: int,
    max_turns: int,
    delay: float,
    console: Console,
) -> None:
    from agentrl.cli.agent import Games, play_games

    (group,) = play_games(agent, Games(env_id, arguments, (task,), seed, max_turns, temperature=0.4))
    for turn in group.turns:
        console.print(Text(turn.observation))
        console.print(Text(f"> {turn.action}", style="bold cyan"))
        _rewards(turn.rewards, console)
        time.sleep(delay)
    console.print(Text(group.turns[-1].feedback))
    _ending(group.turns[-1].outcome, console)


def _rewards(rewards: Mapping[str, float], console: Console) -> None:
    earned = ", ".join(f"{name} {value:+g}" for name, value in rewards.items() if value)
    if earned:
        console.print(Text(earned, style="green"))


def _ending(outcome: Outcome, console: Console) -> None:
    if outcome.solved:
        console.print("Solved.", style="bold green")
    else:
        console.print(f"Not solved ({outcome.reason or outcome.status}).", style="bold red")
