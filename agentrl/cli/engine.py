"""`agentrl engine`: vLLM servers for training."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

app = typer.Typer(help="Serve policies with vLLM.", no_args_is_help=True)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(help="A folder with the model, or a name that vLLM can fetch.")],
    extra: Annotated[list[str] | None, typer.Argument(metavar="[-- FLAGS…]", help="Further flags of vLLM.")] = None,
    replicas: Annotated[int, typer.Option(min=1, help="Servers, each with its own GPUs or cores.")] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the first server; 0 takes free ones.")] = 8000,
    python: Annotated[
        Path | None, typer.Option(help="The Python that has vLLM; default: AGENTRL_VLLM_PYTHON, else this one.")
    ] = None,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: float32 on a CPU, bfloat16 on GPUs.")
    ] = "auto",
    max_model_len: Annotated[int, typer.Option(min=0, help="Longest context in tokens; 0: the model's.")] = 0,
    lora_rank: Annotated[int, typer.Option(min=0, help="Largest rank of LoRA adapters; 0 serves none.")] = 0,
    transfer: Annotated[
        Literal["auto", "nccl", "none"], typer.Option(help="Weights from GPU to GPU; auto: where there is one.")
    ] = "auto",
) -> None:
    """Start vLLM servers with the flags that training needs, and say which; Ctrl-C ends them.

    Exits with code 1 when no server is left.

    Examples:

        agentrl engine serve runs/alfworld/model --replicas 2

        agentrl engine serve Qwen/Qwen3-8B --replicas 2 -- --tensor-parallel-size 2
    """
    from agentrl.agents.vllm.flags import ServeOptions
    from agentrl.agents.vllm.launch import Servers, StartError

    servers = Servers(
        ServeOptions(
            model=model,
            replicas=replicas,
            host=host,
            port=port,
            dtype=dtype,
            max_model_len=max_model_len,
            lora_rank=lora_rank,
            transfer=transfer,
            extra=tuple(extra or ()),
        ),
        python,
    )
    console = Console(soft_wrap=True)
    table = Table(box=None, show_header=False)
    for setting in [*servers.variables[0], *servers.flags]:
        table.add_row(escape(shlex.join(setting.words)), escape(setting.why))
    where = f"{len(servers.target.gpus)} GPUs" if servers.target.gpus else "the CPU"
    console.print(f"vLLM {servers.target.version} on {where} serves {escape(model)} with:", table, sep="\n")
    if host not in ("127.0.0.1", "localhost", "::1"):
        console.print(
            "[yellow]warning[/yellow]: an API key does not cover the routes that change weights: whoever reaches "
            f"{escape(host)} can; keep it within a private network"
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end in leaving the block
    with servers:
        for server in servers.running:
            console.print(f"{server.url} starts, process {server.pid}; its log: {server.log}")
        try:
            servers.wait()
        except StartError as error:
            console.print(escape(error.tail))
            raise
        urls = json.dumps(servers.urls)
        console.print(f"ready: agentrl train --set engine.kind=vllm --set engine.urls='{escape(urls)}'")
        for server in servers.watch():
            console.print(f"{server.url} has ended; left: {', '.join(servers.urls) or 'none'}")
            console.print(escape(server.tail()))
    raise typer.Exit(1)
