"""`agentrl envs watch`."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from agentrl.agents.players import Human, Player
from agentrl.agents.watching import Show
from agentrl.cli.options import (
    ApiKey,
    Engine,
    Images,
    MaxTurns,
    Model,
    Seed,
    Split,
    Temperature,
    With,
    check_engine,
    keywords,
    make_env,
)
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, MissingExtraError
from agentrl.registry import resolve
from agentrl.types import Task

if TYPE_CHECKING:
    from agentrl.agents.judges.chat import Chat


def watch(
    env_id: Annotated[str, typer.Argument(help="Environment, e.g. MiniWoB-v0.")],
    agent: Annotated[str, typer.Option(help="Who plays: oracle, explorer, random, or human, on the page.")] = "oracle",
    engine: Engine = "",
    model: Model = "",
    api_key: ApiKey = "",
    images: Images = 3,
    task: Annotated[str | None, typer.Option(help="Task id; default: the first ones of the split.")] = None,
    split: Split = None,
    n: Annotated[int, typer.Option("-n", "--episodes", min=1, help="Episodes to play.")] = 1,
    seed: Seed = 0,
    max_turns: MaxTurns = 50,
    temperature: Temperature = 0.4,
    delay: Annotated[float, typer.Option(min=0, help="Seconds before an action is done, unless a human plays.")] = 1.0,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    arguments: With = None,
) -> None:
    """Show episodes on a page while they are played: pictures where the environment makes any, text, actions, rewards.

    Play begins when the page is opened; Ctrl-C ends it.

    Examples:

        agentrl envs watch WebShop-v0

        agentrl envs watch Grounding-v0 --agent human

        agentrl envs watch MiniWoB-v0 --with task=click-tab-2 --engine http://localhost:8000/v1 --model Qwen3-VL-8B
    """
    from agentrl.agents.players import player_factory
    from agentrl.agents.watching import perform
    from agentrl.cli.agent import choose_tasks
    from agentrl.cli.watch_server import asgi
    from agentrl.envs.dispatch import pictured

    check_engine(engine, model)
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("uvicorn", "serve") from error
    name, show = resolve(env_id), Show()
    more = pictured(name)
    if more.keys() & keywords(arguments).keys():  # who says something about them, says all
        more = {}
    ids = (task,) if task is not None else choose_tasks(env_id, arguments, split, n)
    by_hand = agent == "human" and not engine
    with ExitStack() as stack:
        make_player = player_factory(agent)
        if by_hand:
            make_player = partial(_typist, show)
        elif engine:
            from agentrl.agents.chat_player import opened
            from agentrl.agents.judges.chat import ChatOptions

            chat = stack.enter_context(opened(ChatOptions(engine, model, api_key, temperature=temperature, top_p=1.0)))
            make_player = partial(_model, chat, images)
        app = asgi(show, name, host, by_hand=by_hand)
        listener = stack.enter_context(_listener(host, port))
        print(f"watch {name} at http://{host}:{listener.getsockname()[1]}", flush=True)
        played = stack.enter_context(ThreadPoolExecutor(1)).submit(
            perform,
            show,
            partial(make_env, env_id, arguments, max_turns=max_turns, **more),
            make_player,
            [Task(name, each) for each in ids],
            seed=seed,
            delay=0.0 if by_hand else delay,
        )
        stack.callback(show.end)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
        with suppress(KeyboardInterrupt):  # which uvicorn raises again when it has ended
            server.run([listener])
    played.result()


def _typist(show: Show, env: Episode, seed: int) -> Human:
    """A person, who sees it all on the page."""
    return Human(lambda _: None, lambda _: show.typed.get())


def _model(chat: Chat, images: int, env: Episode, seed: int) -> Player:
    from agentrl.agents.chat_player import ChatPlayer

    return ChatPlayer(chat, seed, images)


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error
