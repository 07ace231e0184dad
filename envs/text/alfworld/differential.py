"""Compare our engine with the original, step by step: `python -m agentrl.envs.text.alfworld.differential --games 300`.

Each game is played twice in both engines: by the oracle, and at random for 50 steps, with commands mixed in that are
impossible, foreign or garbage. After every step the reply, the admissible commands with their order, score and "won"
have to be equal. Three of four games are changed first: older grammars and rougher facts, see `variants.py`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from agentrl.envs.text.alfworld.engine import NOTHING_HAPPENS, Engine
from agentrl.envs.text.alfworld.export import game_file
from agentrl.envs.text.alfworld.loader import game_from_data
from agentrl.envs.text.alfworld.oracle import NoPlanError
from agentrl.envs.text.alfworld.original import LiveGame
from agentrl.envs.text.alfworld.scenes import ROOMS
from agentrl.envs.text.alfworld.splits import load_task, task_ids
from agentrl.envs.text.alfworld.state import State
from agentrl.envs.text.alfworld.variants import VARIANTS, vary

RANDOM_STEPS = 50
_T = TypeVar("_T")
_TEMPLATES = (
    "take {o} from {r}",
    "move {o} to {r}",
    "put {o} in/on {r}",
    "heat {o} with {r}",
    "slice {o} with {o}",
    "examine {o}",
    "examine {r}",
    "use {o}",
    "use {r}",
    "open {r}",
    "close {r}",
    "go to {r}",
    "go to {o}",
)
_GARBAGE = (
    "",
    " ",
    "look ",
    "\tlook\n",
    "LOOK",
    "go to",
    "go to nowhere 1",
    "xyzzy",
    "take all",
    "né\u0000",
    "look look",
)


@dataclass(slots=True)
class Report:
    """What the comparison of one or more games found."""

    games: Counter[str] = field(default_factory=Counter)
    """Task type and room → games; the same by variant."""
    steps: Counter[str] = field(default_factory=Counter)
    """Verb, or "impossible" → steps compared."""
    differences: list[str] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=partial(defaultdict, float))
    """"original reset", "our step" … → seconds in total."""
    resets: int = 0

    def add(self, other: Report) -> None:
        self.games.update(other.games)
        self.steps.update(other.steps)
        self.differences.extend(other.differences)
        for what, seconds in other.seconds.items():
            self.seconds[what] += seconds
        self.resets += other.resets

    def summary(self) -> str:
        steps = sum(self.steps.values())
        lines = [f"{count:5d} games  {kind}" for kind, count in sorted(self.games.items())]
        lines.append(f"{steps} steps compared: " + ", ".join(f"{n} {kind}" for kind, n in sorted(self.steps.items())))
        for what, count in (("reset", self.resets), ("step", steps)):
            theirs, ours = (self.seconds[f"{who} {what}"] / max(count, 1) for who in ("original", "our"))
            lines.append(
                f"{what}: original {theirs * 1e3:.1f} ms, ours {ours * 1e6:.1f} µs, {theirs / ours:,.0f} times"
            )
        lines.append(f"{len(self.differences)} differences")
        return "\n".join([*lines, *self.differences[:10]])


def compare(
    data: Mapping[str, Any], name: str, *, scene: str = "", seed: int = 0, walks: int = 1, steps: int = RANDOM_STEPS
) -> Report:
    """Play the content of one `game.tw-pddl` in both engines: an oracle walk and `walks` random ones."""
    report = Report()
    live = LiveGame(data, name)
    game = game_from_data(data, name, scene)
    for walk in range(walks + 1):
        _timed(report, "original reset", live.reset)
        engine = _timed(report, "our reset", Engine, game)
        state = _timed(report, "our reset", engine.start)
        text: str | None = _timed(report, "our reset", engine.introduction, state)
        _timed(report, "our reset", engine.commands, state)
        report.resets += 1
        chance = random.Random(seed * 1000 + walk)
        history: list[str] = []
        commands = _random_walk(engine, state, chance, steps) if walk else iter(engine.plan(state))
        while True:
            found = _difference(live, engine, state, NOTHING_HAPPENS if text is None else text)
            if found:
                report.differences.append(f"{name} after {history[-5:]}: {found}")
                break
            command = next(commands, None)
            if command is None:
                break
            history.append(command)
            _timed(report, "original step", live.step, command)
            text = _timed(report, "our step", engine.step, state, command)
            _timed(report, "our step", engine.commands, state)
            report.steps["impossible" if text is None else command.split()[0]] += 1
        if not walk and not live.won:
            report.differences.append(f"{name}: the oracle does not win the original game")
    number = int(game.scene.removeprefix("FloorPlan") or 0)
    room = next((room for room, numbers in ROOMS.items() if number in numbers), "unknown room")
    report.games[f"{engine.task_type}, {room}"] += 1
    return report


def compare_task(task_id: str, variant: str = VARIANTS[0], *, walks: int = 1) -> Report:
    """Compare one generated game, changed as one of `VARIANTS` says."""
    seed = zlib.crc32(f"{task_id} {variant}".encode())
    game = load_task(task_id)
    data = vary(game_file(game), variant, random.Random(seed))
    report = compare(data, f"{task_id} ({variant})", scene=game.scene, seed=seed, walks=walks)
    report.games[variant] += 1
    return report


def _difference(live: LiveGame, engine: Engine, state: State, text: str) -> str:
    """What differs after a step, "" if nothing does."""
    won = engine.share(state) == 1.0
    pairs = (
        ("reply", live.text, text),
        ("admissible commands", live.commands, engine.commands(state)),
        ("score", live.score, int(won)),
        ("won", live.won, won),
    )
    return "; ".join(f"{what}: original {theirs!r}, ours {ours!r}" for what, theirs, ours in pairs if theirs != ours)


def _random_walk(engine: Engine, state: State, chance: random.Random, steps: int) -> Iterator[str]:
    """Commands for `state` as it changes: mostly possible ones, some steps of the plan, some nonsense."""
    everywhere: set[str] = set()
    for _ in range(steps):
        commands = engine.commands(state)
        everywhere.update(commands)
        draw = chance.random()
        if draw < 0.15:
            yield _nonsense(engine, sorted(everywhere), chance)
        elif draw < 0.30 and (plan := _plan(engine, state)):
            yield plan[0]
        else:  # every verb alike, or "go to" would leave little else
            verb = chance.choice(sorted({command.split()[0] for command in commands}))
            yield chance.choice([command for command in commands if command.startswith(verb)])


def _plan(engine: Engine, state: State) -> list[str]:
    try:
        return engine.plan(state)
    except NoPlanError:  # a random walk may have picked up what fits nowhere
        return []


def _nonsense(engine: Engine, everywhere: Sequence[str], chance: random.Random) -> str:
    """A command that is probably impossible here."""
    o, r = chance.choice(engine.object_names), chance.choice(engine.receptacle_names)
    verb = chance.choice(_TEMPLATES).format(o=o, r=r)
    known = chance.choice(everywhere)
    return chance.choice((verb, verb, verb.title(), known, known.upper(), f" {known}  ", chance.choice(_GARBAGE)))


def _timed(report: Report, what: str, call: Callable[..., _T], *arguments: Any) -> _T:
    start = time.perf_counter()
    try:
        return call(*arguments)
    finally:
        report.seconds[what] += time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns 1 if anything differed."""
    parser = argparse.ArgumentParser(prog="python -m agentrl.envs.text.alfworld.differential", description=__doc__)
    parser.add_argument("--games", type=int, default=300, help="generated games to compare (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="processes to use (default: %(default)s)")
    options = parser.parse_args(arguments)
    # Half from training, the rest from the unseen scenes; any six neighbours have all six task types.
    half = options.games // 2
    ids = [*task_ids("train")[: options.games - half], *task_ids("test_unseen")[:half]]
    total = Report()
    with ProcessPoolExecutor(options.processes) as pool:
        variants = [VARIANTS[i // 6 % len(VARIANTS)] for i in range(len(ids))]
        for i, report in enumerate(pool.map(compare_task, ids, variants), 1):
            total.add(report)
            print(f"\r{i}/{len(ids)} games, {len(total.differences)} differences", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(total.summary())
    return int(bool(total.differences))


if __name__ == "__main__":
    sys.exit(main())
