"""`agentrl doctor`: whether this machine and installation can do what agentrl needs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agentrl.cli.options import Json, print_json

EXTRAS = {
    "text": ("alfworld", "textworld"),
    "train": ("torch", "transformers", "tokenizers", "safetensors", "jinja2", "matplotlib", "tensorboard"),
    "lora": ("peft",),
    "remote": ("httptools", "websockets"),
    "serve": ("fastapi", "httptools", "msgspec", "prometheus-client", "uvicorn", "uvloop", "websockets"),
    "sandbox": ("docker",),
    "swe": ("libcst", "pytest", "unidiff"),
    "vllm": ("aiohttp", "safetensors"),
}
EXACT = 1e-4
"""Largest difference allowed between the engine's log-probs and a recomputation in float32."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    ok: bool
    detail: str


def doctor(
    engine: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Examine this vLLM server instead; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check versions, extras, processor, accelerator, writable folders, and the engine's token exactness.

    Of a vLLM server: its routes and what each is for, its log-prob mode, and whether its tokens are exact.
    Exits with code 1 if something that is installed does not work.

    Examples:

        agentrl doctor

        agentrl doctor --engine http://127.0.0.1:8000 --engine http://127.0.0.1:8001
    """
    findings = _servers(engine) if engine else _installation()
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        table = Table(box=None, show_header=False)
        for f in findings:
            table.add_row("[green]ok[/green]" if f.ok else "[red]no[/red]", f.name, escape(f.detail))
        Console().print(table)
    if not all(f.ok for f in findings if not f.name.startswith("extra ")):
        raise typer.Exit(1)


def _installation() -> list[Finding]:
    findings = [*_versions(), *_extras(), *_machine(), *_folders(), *_sandboxes()]
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        findings += [*_torch(), _token_exactness()]
    return findings


def _servers(urls: list[str]) -> list[Finding]:
    import asyncio

    from agentrl.cli.doctor_engine import examine

    key = os.environ.get("AGENTRL_ENGINE_API_KEY", "")
    findings: list[Finding] = []
    for url in urls:
        found = asyncio.run(examine(url, key))
        findings += [replace(f, name=f"{url} {f.name}") for f in found] if len(urls) > 1 else found
    return findings


def _versions() -> Iterator[Finding]:
    yield Finding("python", True, platform.python_version())
    for package in ("agentrl", "gymnasium", "numpy", "pydantic"):
        yield Finding(package, True, importlib.metadata.version(package))


def _extras() -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        missing = [package for package, version in found.items() if version is None]
        versions = ", ".join(f"{package} {version}" for package, version in found.items())
        line = f"missing {', '.join(missing)}; install with: pip install 'agentrl[{extra}]'" if missing else versions
        yield Finding(f"extra {extra}", not missing, line)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding("machine", True, f"{platform.machine()}, {cores} usable cores, {memory:.1f} GiB memory")


def _folders() -> Iterator[Finding]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for name, folder in (("cache folder", cache), ("current folder", Path.cwd())):
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                yield Finding(name, True, f"{folder} is writable")
        except OSError as error:
            yield Finding(name, False, f"{folder}: {error.strerror}")


def _sandboxes() -> Iterator[Finding]:
    """Providers of sandboxes; what is absent here is none of our faults, and some other may do."""
    bwrap = shutil.which("bwrap")
    yield Finding("sandbox process", True, bwrap or "none; Debian's package bubblewrap has it")
    if _version("docker") is None:
        return
    from agentrl.errors import SandboxError
    from agentrl.sandboxes.engine import connect

    try:
        engine = connect()
        runtimes = ", ".join(sorted(engine.info()["Runtimes"]))
        yield Finding("sandbox docker", True, f"Docker Engine {engine.version()['Version']}; runtimes {runtimes}")
    except SandboxError as error:
        yield Finding("sandbox docker", True, f"none; {error}")


def _torch() -> Iterator[Finding]:
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    yield Finding("cpu features", True, f"{capability}, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        yield Finding("cuda", True, f"{torch.version.cuda}: {names}")
    else:
        yield Finding("cuda", True, "none; training runs on the processor")


def _token_exactness() -> Finding:
    """Two turns of a tiny model through the engine's cache, against one plain forward pass over all tokens."""
    import asyncio

    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config

    from agentrl.agents.embedded import EmbeddedEngine
    from agentrl.types import SamplingParams

    config = Qwen3Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=128,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    engine = EmbeddedEngine(model, seed=0)

    async def two_turns() -> tuple[list[int], list[int], list[float]]:
        prompt, sampled, logprobs = [1, 2, 3], list[int](), list[float]()
        for _ in range(2):
            turn = await engine.generate(prompt, SamplingParams(max_tokens=8), "doctor")
            sampled += range(len(prompt), len(prompt) + len(turn.token_ids))
            logprobs += turn.logprobs
            prompt = [*prompt, *turn.token_ids, 4, 5]
        return prompt, sampled, logprobs

    ids, positions, logprobs = asyncio.run(two_turns())
    with torch.inference_mode():
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    recomputed = [float(scores[p - 1, ids[p]]) for p in positions]
    gap = max(abs(a - b) for a, b in zip(logprobs, recomputed, strict=True))
    return Finding("token exactness", gap < EXACT, f"engine and recomputation differ by {gap:.1e} at most")
