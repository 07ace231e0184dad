"""`agentrl bench gpu`: what the embedded engine and the learner get out of a GPU."""

from __future__ import annotations

from typing import Annotated

import typer

from agentrl.cli.options import Json, print_json


def gpu(
    size: Annotated[str, typer.Option(help="Of the model: 0.5b, or tiny, which a CPU can do, too.")] = "0.5b",
    sessions: Annotated[int, typer.Option(min=1, help="Episodes that generate at once.")] = 32,
    context: Annotated[int, typer.Option(min=64, help="Tokens of each episode.")] = 4096,
    generated: Annotated[int, typer.Option(min=2, help="Tokens that each samples; the others are its prompt.")] = 256,
    rows: Annotated[int, typer.Option(min=1, help="Episodes of a training step.")] = 16,
    microbatch: Annotated[int, typer.Option(min=64, help="Tokens of one forward pass in training.")] = 8192,
    repeats: Annotated[int, typer.Option(min=1, help="Times that each is measured.")] = 5,
    peak_tflops: Annotated[float, typer.Option(help="Of the device in bfloat16, dense; 0 looks it up by name.")] = 0,
    as_json: Json = False,
) -> None:
    """Tokens per second of engine and learner on CUDA, in bfloat16, and the learner's model FLOP utilisation.

    The model is a Qwen3 with random weights.

    Examples:

        agentrl bench gpu

        agentrl bench gpu --size tiny --context 256 --generated 32
    """
    from agentrl.cli.bench.device import measure

    result = measure(size, sessions, context, generated, rows, microbatch, repeats, peak_tflops * 1e12)
    if as_json:
        print_json(result)
        return
    if not result["cuda"]:
        print("no CUDA device: these are figures of the CPU")
    generation, training = result["generation"], result["training"]
    print(f"{result['device']}; {result['parameters'] / 1e6:.0f} million parameters; {context} tokens of context")
    print(f"prompts    {generation['prompt_tokens_per_s']:10,.0f} tokens/s")
    print(f"generation {generation['tokens_per_s']:10,.0f} tokens/s, {sessions} at once")
    print(f"training   {training['tokens_per_s']:10,.0f} tokens/s, {training['flops_per_s'] / 1e12:.1f} TFLOP/s")
    if training["mfu"] is None:
        print("model FLOP utilisation: the peak of this device is not known; give --peak-tflops")
    else:
        print(f"model FLOP utilisation {training['mfu']:.1%}")
