"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

import agentrl
from agentrl.cli import (
    bench,
    cost,
    doctor,
    engine,
    envs,
    evaluate,
    images,
    judge,
    methods,
    play,
    reproduce,
    rollout,
    sandboxes,
    serve,
    swe,
    train,
)

app = typer.Typer(
    name="agentrl",
    help="Multi-turn agentic RL: environments, agent loop and turn-level trainers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        print(agentrl.__version__)
        raise typer.Exit


app.command()(train.train)
app.command("eval")(evaluate.evaluate)
app.command()(cost.cost)
app.command()(reproduce.reproduce)
app.command()(rollout.rollout)
app.command()(play.play)
app.add_typer(envs.app, name="envs")
app.add_typer(images.app, name="images")
app.add_typer(sandboxes.app, name="sandboxes")
app.add_typer(methods.app, name="methods")
app.add_typer(judge.app, name="judge")
app.add_typer(swe.app, name="swe")
app.add_typer(bench.app, name="bench")
app.command()(serve.serve)
app.add_typer(engine.app, name="engine")
app.command()(doctor.doctor)
