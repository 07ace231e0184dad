"""BrowserGym's MiniWoB, timed in an interpreter of its own for `agentrl bench web --against browsergym`.

    python browsergym_miniwob.py CHROMIUM PAGES_URL hurried|waiting

Reads names of pages from standard input, a line each, plays an episode of it and answers with a line of JSON: the
seconds of every `reset` and every `step`.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import sys
import time
from typing import Any

USED = ("button", "checkbox", "combobox", "link", "radio", "tab", "textbox")
"""Roles of what is clicked: the first three of a page, in its order, on both sides."""


def launch_with(program: str) -> None:
    """Let every browser be this one: BrowserGym hands the path to one of the two that it starts."""
    from playwright.sync_api import BrowserType

    launch: Any = BrowserType.launch

    def wrapped(self: BrowserType, **options: Any) -> Any:
        return launch(self, **{**options, "executable_path": program})

    BrowserType.launch = wrapped  # type: ignore[method-assign]


def seen(observation: dict[str, Any]) -> str:
    from browsergym.utils.obs import flatten_axtree_to_str

    return str(flatten_axtree_to_str(observation["axtree_object"]))


def play(env: Any, seed: int) -> dict[str, list[float]]:
    begun = time.perf_counter()
    text = seen(env.reset(seed=seed)[0])
    times: dict[str, list[float]] = {"reset": [time.perf_counter() - begun], "step": []}
    targets = re.findall(rf"\[(\w+)\] (?:{'|'.join(USED)})\b", text)
    for bid in targets[:3]:
        begun = time.perf_counter()
        observation, _, terminated, *_ = env.step(f"click({bid!r})")
        seen(observation)
        times["step"].append(time.perf_counter() - begun)
        if terminated:
            break
    return times


def main(program: str, url: str, pace: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.environ["MINIWOB_URL"] = url
    with contextlib.redirect_stdout(sys.stderr):
        launch_with(program)
        importlib.import_module("browsergym.miniwob")  # registers the tasks
        import gymnasium
        from browsergym.core import _get_global_playwright

        _get_global_playwright()  # starts once, which counts for no episode
        waits: dict[str, Any] = {"slow_mo": 0, "pre_observation_delay": 0.0} if pace == "hurried" else {}
        for number, line in enumerate(sys.stdin):
            env = gymnasium.make(f"browsergym/miniwob.{line.strip()}", **waits)
            times = play(env.unwrapped, number)
            env.close()
            print(json.dumps(times), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
