"""What a router has to know before it learns: the boundary of every task, and whom to imitate in it (BoSFT).

    routing.jsonl in the run folder: one line per task, its boundary and its demonstration

arXiv 2602.21227. A task is played by the cheapest executor alone, and by the dearest alone. Where the small one solves
it, or nobody does, letting the small one act throughout is imitated: to fail, if so, cheaply. Where the large one alone
solves it, it is played with more and more of the large one, and the cheapest episode that solved it is imitated.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from agentrl.agents.episode import Limits
from agentrl.agents.routing.boundaries import HARD, Boundary, Runs, money
from agentrl.agents.routing.env import RoutedEpisode
from agentrl.agents.routing.play import lost, play_routers
from agentrl.agents.routing.routers import Always, Mix, Router
from agentrl.config import Config
from agentrl.errors import CorruptFileError, RunStoppedError
from agentrl.files import json_line
from agentrl.trainers.demos import Demonstration, make_env
from agentrl.trainers.rollout import limits_of
from agentrl.trainers.routing import Routing
from agentrl.trainers.session import Session
from agentrl.types import Task, Turn

FILE = "routing.jsonl"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one task."""

    boundary: Boundary
    demonstration: Demonstration
    episodes: int
    """Played to find it out."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        shown = record["demonstration"]
        turns = {name: tuple(shown[name]) for name in ("observations", "actions", "mistakes")}
        demonstration = Demonstration(shown["task_id"], **turns)
        return cls(Boundary.from_json(record["boundary"]), demonstration, record["episodes"])


def explore(session: Session, routing: Routing) -> list[Known]:
    """Find out what is not known yet of the tasks that are trained on, and tell `routing` their boundaries.

    Returns:
        What is known of each of them, in their order.

    Raises:
        RunStoppedError: infrastructure errors ended all episodes of a task.
        CorruptFileError: what an earlier run knew cannot be read.
    """
    config = session.config
    ids = session.env.tasks(config.env.train_split)[: config.routing.tasks]
    path = session.path / FILE
    if session.world.first:
        _mend(path)
    known = {k.boundary.task_id: k for k in (*_read(config.routing.known), *_read(path))}
    open_ids = [i for i in ids if i not in known]
    explorer = Explorer(config, routing)
    session.progress.phase("boundaries", len(ids), len(ids) - len(open_ids))
    batch = session.world.size * max(config.engine.sessions // (2 * explorer.runs), 1)
    for start in range(0, len(open_ids), batch):
        mine = session.world.shard(open_ids[start : start + batch])
        found = session.world.gather(asyncio.run(explorer.find(mine)))
        if session.world.first:
            with path.open("ab", buffering=0) as file:
                file.write(b"".join(json_line(k.to_json()) for k in found))
        known |= {k.boundary.task_id: k for k in found}
        for _ in found:
            session.progress.step("")
    result = [known[i] for i in ids]
    routing.boundaries |= {k.boundary.task_id: k.boundary for k in result}
    if session.state.step == 0:
        session.state.episodes["boundaries"] = sum(known[i].episodes for i in open_ids)
        session.log(_metrics([k.boundary for k in result]))
    return result


class Explorer:
    """Plays tasks by rule.

    Args:
        config: of the run.
        routing: its executors.
    """

    def __init__(self, config: Config, routing: Routing) -> None:
        executors = config.routing.executors.values()
        self.runs = config.routing.runs if any(e.temperature for e in executors) else 1
        """Episodes of each boundary: executors that take the most likely tokens do the same again."""
        self._config, self._routing = config, routing
        self._limits: Limits = limits_of(config, config.rl.max_turns)

    async def find(self, task_ids: Sequence[str]) -> list[Known]:
        """What is to be known of these tasks."""
        names = self._routing.executors[0].name, self._routing.executors[-1].name
        section = self._config.routing
        runs = await self._play(
            [(self._task(i, k), Always(n)) for i in task_ids for n in names for k in range(self.runs)]
        )
        known = []
        for number, task_id in enumerate(task_ids):
            first = 2 * self.runs * number
            small = _kept(runs[first : first + self.runs])
            large = _kept(runs[first + self.runs : first + 2 * self.runs])
            boundary = Boundary(task_id, Runs.of(small), Runs.of(large), section.threshold)
            known.append((boundary, small, large))
        hard = [b.task_id for b, _, _ in known if b.difficulty == HARD]
        shares = [k / section.mixes for k in range(section.mixes + 1)]
        mixed = iter(await self._play([(self._task(i, 0), Mix(share)) for i in hard for share in shares]))
        found = []
        for boundary, small, large in known:
            mixes = [next(mixed) for _ in shares] if boundary.difficulty == HARD else []
            shown = demonstrated(boundary, small, [*mixes, *large])
            found.append(Known(boundary, _demonstration(boundary.task_id, shown), 2 * self.runs + len(mixes)))
        return found

    def _task(self, task_id: str, seed: int) -> Task:
        return Task(self._config.env.id, task_id, seed)

    async def _play(self, episodes: Sequence[tuple[Task, Router]]) -> list[list[Turn]]:
        """Without a budget: what is possible is looked for."""
        return await play_routers(
            lambda: RoutedEpisode(make_env(self._config.env), self._routing.executors), episodes, self._limits
        )


def demonstrated(boundary: Boundary, small: Sequence[list[Turn]], others: Sequence[list[Turn]]) -> list[Turn]:
    """The episode to imitate: of a hard task the cheapest that solved it, else one of the small executor alone."""
    if boundary.difficulty == HARD:
        return min((turns for turns in (*small, *others) if turns[-1].outcome.solved), key=money)
    return next((turns for turns in small if turns[-1].outcome.solved), small[0])


def _demonstration(task_id: str, turns: Sequence[Turn]) -> Demonstration:
    return Demonstration(
        task_id, tuple(t.observation for t in turns), tuple(t.actor for t in turns), (False,) * len(turns)
    )


def _kept(episodes: Sequence[list[Turn]]) -> list[list[Turn]]:
    """Those that came to their end."""
    if kept := [turns for turns in episodes if not lost(turns)]:
        return kept
    raise RunStoppedError(f"every episode of a task ended in an infrastructure error: {episodes[0][-1].outcome.reason}")


def _read(path: str | Path) -> Iterator[Known]:
    """What a file says, less a line that a killed process tore; nothing where there is none."""
    if not path or not Path(path).exists():
        return
    for number, line in enumerate(Path(path).read_bytes().split(b"\n")[:-1], 1):
        try:
            yield Known.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptFileError(path, f"line {number} is nothing known of a task: {error}") from error


def _mend(path: Path) -> None:
    """Cut off a line that a killed process tore."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)


def _metrics(boundaries: Sequence[Boundary]) -> dict[str, float]:
    """Shares of the difficulties, and success and mean dollars of both ends."""
    counts = Counter(b.difficulty for b in boundaries)
    count = len(boundaries)
    return {
        **{f"boundaries/{name}": counts[name] / count for name in ("easy", "hard", "intractable")},
        **{
            f"boundaries/{end}/{what}": sum(getattr(getattr(b, end), what) for b in boundaries) / count
            for end in ("small", "large")
            for what in ("success", "cost")
        },
    }
