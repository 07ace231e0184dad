"""Reinforcement learning: take the oldest groups, credit, train, publish, let new groups begin, save."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence

import numpy as np

from agentrl.agents.arena.group import tournament_metrics
from agentrl.agents.judges.meter import Meter
from agentrl.agents.loop import RolloutSpec
from agentrl.errors import RunStoppedError
from agentrl.trainers.correction import Correction
from agentrl.trainers.costs import cost_metrics, judge_metrics
from agentrl.trainers.credit import assign
from agentrl.trainers.curriculum import Curriculum
from agentrl.trainers.data import Row, make_rows, per_turn, with_credit
from agentrl.trainers.evaluate import fixed_tasks, summarise
from agentrl.trainers.gains import information_gain
from agentrl.trainers.gate import check_gate
from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.lookahead import lookahead, lookahead_metrics, shared_tokens
from agentrl.trainers.methods import Method, get_method
from agentrl.trainers.pace import Pace
from agentrl.trainers.prepare import Policy
from agentrl.trainers.rewards import compose, kl_estimate
from agentrl.trainers.rollout_metrics import rollout_metrics
from agentrl.trainers.runs import Purpose
from agentrl.trainers.session import Session
from agentrl.trainers.stage import Stage
from agentrl.trainers.staleness import staleness_metrics
from agentrl.trainers.tournaments import comparisons
from agentrl.trainers.variety import answer_form, distinct
from agentrl.trainers.verdicts import checklist_monitor
from agentrl.types import Group, Task

GATE_STEPS = 3
"""First steps whose rollout and trainer log-probs must agree."""


class Reinforcement:
    """The RL phase of a run.

    One loop for synchronous and asynchronous runs: `async.staleness` says how far generation may be ahead (see
    `agentrl.trainers.pace`), and at 0 every rollout is played by the weights that it then changes.
    """

    def __init__(self, session: Session, policy: Policy) -> None:
        config = session.config
        self.session, self.policy = session, policy
        self.method: Method = get_method(
            config.rl.method, config.rl.overrides, credit=config.rl.credit, rewards=config.rl.rewards
        )
        self.learner = Learner(
            policy.model,
            LearnerOptions(
                optim=config.rl.optim,
                total_steps=config.rl.steps,  # told better before each step
                temperature=config.rl.temperature,
                micro_batch_tokens=config.engine.microbatch_tokens,
                dtype=config.engine.train_dtype,
                critic=config.rl.critic,
                lora_rank=config.model.lora_rank,
                seed=config.seed,
            ),
            session.world,
        )
        if self.method.needs_reference:
            self.learner.set_reference()
        if (state := session.learner_state()) is not None:
            self.learner.load_state_dict(state)
        self.pace = Pace(config.async_.staleness, config.rl.tasks_per_step, config.rl.steps)
        self.begun = self.pace.batch * session.state.version
        """Groups of the plan that were trained, or play."""
        gains = information_gain(config.rl.information_gain, self.method, session.env)
        self.judged = Meter()
        monitor = checklist_monitor(config.judge, self.method, session.env, self.judged)
        compared = comparisons(config, self.method, session.env, self.judged)
        self.greedy_first = compared is not None and compared.greedy_first
        self.lookahead = lookahead(config, self.method, session.env, greedy_first=self.greedy_first)
        self.stage = Stage(
            session.world,
            config,
            self.learner,
            policy.renderer,
            session.path,
            gains,
            monitor,
            compared,
            None if self.lookahead is None else self.lookahead.options,
            session.routing,
        )
        ids = session.env.tasks(config.env.train_split)
        self.form = answer_form(session.env, ids[0])
        if session.routing is not None:
            ids = list(session.routing.boundaries)
        self.curriculum = Curriculum(ids, session.env.kind, config.rl.balance, session.state.alive)

    def run(self) -> None:
        """Measure, train, measure. A run that was done goes on where it is now asked for more steps."""
        with contextlib.closing(self.stage):
            self._run()

    def _run(self) -> None:
        session, state, config = self.session, self.session.state, self.session.config
        if state.phase == "done" and self._over():
            return
        state.phase = "rl"
        self.stage.publish(state.version)
        self.stage.forget(self.pace.batch * state.version)  # which a killed run may not have come to
        if not state.before:
            state.before = self._test()
            session.checkpoint(self.learner)
        session.progress.phase("RL", config.rl.steps, state.version)
        while not self._over():
            self._begin_groups()
            state.step += 1
            metrics = self.step()
            if config.eval.every and state.version % config.eval.every == 0:
                metrics |= self._validate()
            session.log(metrics)
            if state.version % config.run.checkpoint_every == 0 or self._over():
                session.checkpoint(self.learner)
                self.stage.forget(self.pace.batch * state.version)
            session.progress.step(_note(metrics))
        state.after = self._test() if config.rl.steps else state.before
        state.phase = "done"
        session.checkpoint(self.learner, phase_over=True)

    def _over(self) -> bool:
        """Whether all steps are done, or the budget of tokens is spent."""
        rl, state = self.session.config.rl, self.session.state
        return state.version >= rl.steps or 0 < rl.token_budget <= state.tokens["generated"]

    def _expected_steps(self) -> int:
        """How many there will be in all, as far as can be said from the tokens of those that were made."""
        rl, state = self.session.config.rl, self.session.state
        spent = state.tokens["generated"] / rl.token_budget if rl.token_budget else 0.0
        return min(rl.steps, math.ceil(state.version / spent)) if spent else rl.steps

    def step(self) -> dict[str, float]:
        """One step of RL: `tasks_per_step` groups, then a few optimiser steps on them."""
        state, config = self.session.state, self.session.config
        times = [time.perf_counter()]
        groups = self.stage.take(self.pace.members(state.version))
        times.append(time.perf_counter())
        rows, metrics = self._credit(groups)
        metrics |= staleness_metrics(rows, state.version)
        if state.version < GATE_STEPS:
            metrics |= self._gate(rows)
        times.append(time.perf_counter())
        rl = config.rl
        self.learner.optimizer.total_steps = self._expected_steps() * rl.epochs * rl.mini_batches
        trained = self.learner.update(
            rows,
            self.method.loss,
            epochs=rl.epochs,
            mini_batches=rl.mini_batches,
            correction=Correction.resolve(config.async_, state.gap),
        )
        times.append(time.perf_counter())
        state.version += 1
        state.alive = self.curriculum.alive
        state.episodes["rl"] += sum(len(group.leaves()) for group in groups)
        state.tokens["trained"] += int(trained.get("tokens", 0))
        state.tokens["generated"] += int(metrics["rl/generated_tokens"])
        report = self.stage.publish(state.version)
        times.append(time.perf_counter())
        usage = self.stage.usage()
        state.lengths.count(groups, discarded=int(usage["engine/discarded"]))
        waited, credited, updated, published = np.diff(times).tolist()
        metrics |= {f"rl/{name}": value for name, value in trained.items() if name != "seconds"}
        metrics |= {} if report is None else {"engine/publish_gap": report.gap}
        metrics |= judge_metrics(self.session.world.gather([self.judged.take()]), config.judge.price)
        return (
            metrics
            | usage
            | state.lengths.metrics()
            | {
                "time/wait": waited,
                "time/credit": credited,
                "time/train": updated,
                "time/publish": published,
                "trainer/utilisation": (credited + updated) / (times[-1] - times[0]),
            }
        )

    def _begin_groups(self) -> None:
        """Let as many groups begin as the bound on staleness allows; they are drawn batch by batch."""
        while self.pace.capacity(self.session.state.version, self.begun):
            numbers = self.pace.members(self.begun // self.pace.batch)
            self.stage.admit(list(zip(numbers, self._draw(numbers.start // self.pace.batch), strict=True)))
            self.begun = numbers.stop

    def _draw(self, version: int) -> list[RolloutSpec]:
        """The groups that will train this version."""
        config = self.session.config
        rng = np.random.default_rng((config.seed, version + 1))
        ids = self.curriculum.draw(config.rl.tasks_per_step, rng)
        size, greedy = config.rl.group_size, self.greedy_first
        trees = self.lookahead.rollouts(version, size) if self.lookahead is not None else 0
        seeds = [int(rng.integers(1 << 30)) for _ in ids]
        return [
            RolloutSpec(self._task(task_id, seed), size, seed, greedy, trees)
            for task_id, seed in zip(ids, seeds, strict=True)
        ]

    def _task(self, task_id: str, seed: int) -> Task:
        """A task with those parts of its reference that the rewards are made from.

        Its seed is that of executors, where there are any: they do not make the same mistakes in it each time.
        """
        env, wanted = self.session.env, self.method.made_from
        reference = {key: part for key, part in env.reference(task_id).items() if key in wanted} if wanted else {}
        seed = seed if self.session.routing is not None else 0
        return Task(self.session.config.env.id, task_id, seed, reference)

    def _credit(self, groups: Sequence[Group]) -> tuple[list[Row], dict[str, float]]:
        """Rows with advantages, and the metrics of the rollouts."""
        weights = self.method.weights(self.session.state.version / max(self._expected_steps() - 1, 1))
        rows = make_rows(groups)
        values = self.learner.values(rows) if self.method.needs_critic else None
        penalties = None
        if self.method.loss.kl_in == "reward" and self.method.needs_reference:
            spec = self.method.loss
            kl = [
                (spec.kl_coef * kl_estimate(row.logprobs, reference, spec.kl) * row.mask).astype(np.float32)
                for row, reference in zip(rows, self.learner.reference_logprobs(rows), strict=True)
            ]
            penalties = per_turn(groups, rows, kl)
        credited = assign(
            groups,
            self.method.credit,
            weights,
            values=None if values is None else per_turn(groups, rows, values),
            penalties=penalties,
        )
        if self.session.run is not None:
            self.session.run.save_rollouts(self.session.state.step, groups, [c.advantages for c in credited])
        returns = [[float(compose([g.turns[i] for i in path], weights).sum()) for path in g.rollouts()] for g in groups]
        for group, values_of_group in zip(groups, returns, strict=True):
            self.curriculum.observe(group.task.task_id, values_of_group)
        metrics = rollout_metrics(groups, returns, credited) | tournament_metrics(groups)
        metrics |= lookahead_metrics(groups)
        metrics["rl/distinct"] = float(np.mean([distinct(group, self.form) for group in groups]))
        metrics |= {f"rl/{name}": value for name, value in cost_metrics(groups).items()}
        metrics["rl/generated_tokens"] -= shared_tokens(groups)
        return with_credit(rows, credited, values), metrics

    def _gate(self, rows: Sequence[Row]) -> dict[str, float]:
        """See `check_gate`. What did not pass is not kept for a resumed run."""
        state = self.session.state
        try:
            gap = check_gate(self.learner, rows, state.version, self.session.config.failures.max_logprob_gap)
        except RunStoppedError:
            self.stage.forget(self.begun)
            raise
        if gap is None:
            return {}
        state.gap = gap
        return {"rl/gate_gap": gap}

    def _validate(self) -> dict[str, float]:
        config = self.session.config
        return self._measure("valid", config.env.valid_split, config.eval.valid_games, samples=1)

    def _test(self) -> dict[str, float]:
        config = self.session.config
        if not config.eval.test_games:
            return {}
        measured = self._measure("test", config.env.test_split, config.eval.test_games, config.eval.samples)
        self.session.log(measured)
        self.session.progress.say(f"{config.env.test_split}: success {measured['test/success']:.1%}")
        return measured

    def _measure(self, name: Purpose, split: str, games: int, samples: int) -> dict[str, float]:
        begun = time.perf_counter()
        config, env = self.session.config, self.session.env
        tasks = fixed_tasks(env, config.env.id, split, games, checklists=config.eval.checklists)
        groups = self.stage.examine(tasks, samples)
        if self.session.run is not None:
            self.session.run.save_rollouts(self.session.state.step, groups, purpose=name)
        measured = summarise(groups, env, samples)
        self.session.state.episodes["evaluation"] += int(measured["episodes"])
        return {f"{name}/{key}": value for key, value in measured.items()} | {
            f"{name}/seconds": time.perf_counter() - begun
        }


def _note(metrics: dict[str, float]) -> str:
    note = f"success {metrics['rl/success']:.0%}, {metrics['engine/tokens_per_s']:,.0f} tokens/s"
    note += f", engine {metrics['engine/utilisation']:.0%}, trainer {metrics['trainer/utilisation']:.0%}"
    if metrics.get("staleness/max"):
        note += f", age {metrics['staleness/mean']:.1f}"
    return note + (f", valid {metrics['valid/success']:.1%}" if "valid/success" in metrics else "")
