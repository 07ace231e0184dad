"""Where a run plays: engine, agent loops and the groups in flight, seen from the thread that trains.

With the embedded engine every process of the run plays its share of each batch; with servers the first plays all.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from agentrl.agents.engine import Engine, EngineStats, SyncReport
from agentrl.agents.journal import Journal
from agentrl.agents.lookahead.options import TokenOptions, TurnOptions
from agentrl.agents.loop import AfterGroup, AfterRollout, MonitorFactory, RolloutSpec
from agentrl.agents.render import Renderer
from agentrl.config import Config
from agentrl.trainers.actor import Actor, RolloutQueue
from agentrl.trainers.evaluate import play_all
from agentrl.trainers.learner import Learner
from agentrl.trainers.rollout import agent_loop, make_engine, probe_of
from agentrl.trainers.routing import Routing
from agentrl.trainers.verdicts import checklist_exam
from agentrl.trainers.world import World
from agentrl.types import Group, Task

INFLIGHT = "inflight"


class Stage:
    """The playing side of one process.

    Args:
        world: the processes of the run.
        config: of the run.
        learner: gives the weights.
        renderer: speaks the policy's template.
        folder: of the run.
        after_rollout, monitor: reward the episodes that are trained, at their end or at every turn.
        after_group: rewards them when all of their group have ended.
        lookahead: how trees are grown, for groups that ask for them.
        routing: who acts for the policy.
    """

    def __init__(
        self,
        world: World,
        config: Config,
        learner: Learner,
        renderer: Renderer,
        folder: Path,
        after_rollout: AfterRollout | None = None,
        monitor: MonitorFactory | None = None,
        after_group: AfterGroup | None = None,
        lookahead: TokenOptions | TurnOptions | None = None,
        routing: Routing | None = None,
    ) -> None:
        self._world = dataclasses.replace(world, spread=config.engine.kind == "embedded")
        self._learner = learner
        self._journal = Journal(folder / INFLIGHT)
        self._last = (time.perf_counter(), EngineStats(replicas=0))
        self._actor: Actor | None = None
        if self._world.spread or world.first:
            self._engine: Engine = make_engine(config, learner.model, folder)
            self._play = agent_loop(
                config,
                self._engine,
                renderer,
                config.rl.temperature,
                config.rl.max_turns,
                after_rollout,
                monitor,
                after_group,
                lookahead,
                routing,
            )
            exam = checklist_exam(config.eval)
            self._exam = agent_loop(
                config, self._engine, renderer, config.eval.temperature, monitor=exam, routing=routing
            )
            self._queue = RolloutQueue(self._play, self._journal)
            self._probe_ids = renderer.first("You can see a probe.")
            self._actor = Actor()
            try:
                self._actor.call(self._engine.start())
            except BaseException:
                self._actor.close()
                raise

    def publish(self, version: int) -> SyncReport | None:
        """Hand the learner's weights to the engine; None where this process plays nothing."""
        if self._actor is None:
            return None
        weights = self._learner.adapters() if self._engine.takes == "adapters" else self._learner.weights()
        probe = None if self._world.spread else probe_of(self._learner.model, self._probe_ids)
        return self._actor.call(self._engine.publish(weights, version, probe))

    def admit(self, groups: Sequence[tuple[int, RolloutSpec]]) -> None:
        """Begin groups, named by their numbers in the plan; all processes call it with the same ones."""
        mine = self._world.shard(groups)
        if self._actor is not None:
            self._actor.call(self._queue.admit(mine))

    def take(self, numbers: Sequence[int]) -> list[Group]:
        """Wait for these groups; every process gets them all.

        Raises:
            RunStoppedError: too many infrastructure errors.
        """
        mine = self._world.shard(numbers)
        return self._world.gather(self._actor.call(self._queue.take(mine)) if self._actor is not None else [])

    def forget(self, below: int) -> None:
        """Groups with lower numbers are in a checkpoint: a resumed run does not need them."""
        if self._world.first:
            self._journal.forget(below)

    def examine(self, tasks: Sequence[Task], samples: int = 1) -> list[Group]:
        """Every task played so often by the weights published last. What is in flight goes on meanwhile."""
        return play_all(self._world, self._examined, tasks, samples)

    def _examined(self, specs: list[RolloutSpec]) -> list[Group]:
        return self._actor.call(self._exam.collect(specs)) if self._actor is not None else []

    def usage(self) -> dict[str, float]:
        """What the engines of all processes did since the last call.

        Returns:
            `engine/utilisation` (share of the time in which an engine worked), `engine/tokens_per_s` (of all),
            `engine/replicas`, `engine/resumed` (generations continued after they were cut), `engine/discarded`
            (sampled tokens that reached no group) and `time/scoring_share` (share of the time in which an engine scored
            reference answers).
        """
        now, stats = time.perf_counter(), EngineStats(replicas=0)
        if self._actor is not None:
            stats = self._engine.stats()
            stats = dataclasses.replace(stats, discarded=stats.discarded + self._play.discarded)
        then, before = self._last
        self._last = now, stats
        parts = self._world.gather([(now - then, before, stats)])
        seconds = max(s for s, _, _ in parts)
        players = [p for p in parts if p[2].replicas]
        return {
            "engine/utilisation": sum(b.busy_s - a.busy_s for _, a, b in players) / (seconds * len(players)),
            "engine/tokens_per_s": sum(b.tokens - a.tokens for _, a, b in players) / seconds,
            "engine/replicas": float(sum(b.replicas for _, _, b in players)),
            "engine/resumed": float(sum(b.resumed - a.resumed for _, a, b in players)),
            "engine/discarded": float(sum(b.discarded - a.discarded for _, a, b in players)),
            "time/scoring_share": sum(b.scoring_s - a.scoring_s for _, a, b in players) / (seconds * len(players)),
        }

    def close(self) -> None:
        """End what is in flight; its turns are in the journal."""
        if self._actor is not None:
            self._actor.cancel()
            self._actor.call(self._engine.close())
            self._actor.close()
            self._play.close()
            self._exam.close()
