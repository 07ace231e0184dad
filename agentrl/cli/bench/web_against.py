"""`agentrl bench web --against browsergym`: the same pages and actions here and in BrowserGym, in turns."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from agentrl.cli.bench.browsergym_miniwob import USED
from agentrl.cli.bench.timing import timed
from agentrl.errors import ConfigError, InfraError

if TYPE_CHECKING:
    from agentrl.envs.web.miniwob import MiniWoBEnv

PACES = ("waiting", "hurried")
"""BrowserGym as it is made, and with the waits that it takes as arguments set to 0: slow_mo, pre_observation_delay."""
Times = dict[str, list[float]]
"""Seconds of every `reset` and every `step`."""


def compare(python: Path, pages: Sequence[str], rounds: int) -> dict[str, Any]:
    """Play every page, one side after the other: a reset, and clicks on the first three things to be used, or until the
    task ends. A side plays all pages before it is the other's turn, for a browser that has rested is slow for a while.

    Both make text of the accessibility tree. BrowserGym takes a picture, too, which it cannot do without.

    Args:
        python: an interpreter with browsergym-miniwob.
        rounds: episodes of each page on each side; one more comes first and does not count.

    Returns:
        `reset` and `step` of `agentrl`, and of BrowserGym `waiting` and `hurried`: `p50` and `p99` in seconds, and for
        these two the `ratio` of medians to ours.

    Raises:
        ConfigError: the interpreter has no browsergym-miniwob.
        InfraError: BrowserGym failed.
    """
    from agentrl.envs.web.browser.pool import chromium
    from agentrl.envs.web.miniwob.pages import root

    checked = subprocess.run([python, "-c", "import browsergym.miniwob"], check=False) if python.exists() else None
    if checked is None or checked.returncode:
        raise ConfigError(
            f"{python} has no browsergym-miniwob: make it with `make .venv-browsergym/.done` in the project's folder, "
            "or name an interpreter that has it with --browsergym-python PATH"
        )
    script = Path(__file__).with_name("browsergym_miniwob.py")
    command = [str(python), str(script), chromium(), f"{(root() / 'miniwob').as_uri()}/"]
    taken: defaultdict[str, Times] = defaultdict(lambda: {"reset": [], "step": []})
    with ExitStack() as stack:
        theirs = {pace: stack.enter_context(_player([*command, pace])) for pace in PACES}
        ours = {page: _made(page) for page in pages}
        for number in range(rounds + 1):
            for side, ask in {"agentrl": None, **theirs}.items():
                for page in pages:
                    times = ask(page) if ask else _play(ours[page], number)
                    for what in times if number else ():
                        taken[side][what] += times[what]
    return {"pages": list(pages), "rounds": rounds, **_summary(taken)}


def _summary(taken: dict[str, Times]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for side, times in taken.items():
        rows[side] = {
            what: {"p50": statistics.median(seconds), "p99": statistics.quantiles(seconds, n=100)[-1]}
            for what, seconds in times.items()
        }
        for what, row in rows[side].items() if side != "agentrl" else ():
            row["ratio"] = row["p50"] / rows["agentrl"][what]["p50"]
    return rows


def _made(page: str) -> MiniWoBEnv:
    from agentrl.envs.web.miniwob import MiniWoBEnv

    return MiniWoBEnv(task=page, split="test", manual=False)


def _play(env: MiniWoBEnv, number: int) -> Times:
    times: Times = {"reset": [], "step": []}
    text, _ = timed(times["reset"], env.reset, options={"task": env.tasks()[number]})
    for bid in re.findall(rf"\[(\w+)\] (?:{'|'.join(USED)})\b", text)[:3]:
        if timed(times["step"], env.step, f"click({bid!r})")[2]:
            break
    return times


@contextmanager
def _player(command: Sequence[str]) -> Iterator[Callable[[str], Times]]:
    """BrowserGym in a process of its own; what is given plays one episode of a page."""
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        questions, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)

        def ask(page: str) -> Times:
            print(page, file=questions, flush=True)
            if not (line := answers.readline()):
                said.seek(0)
                raise InfraError(f"BrowserGym failed: {said.read().strip().rpartition(chr(10))[2]}")
            return dict(json.loads(line))

        yield ask  # its end closes what the process reads, which ends it
