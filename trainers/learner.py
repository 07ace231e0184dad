"""The learner: wraps a causal language model and turns credited rows into optimiser steps.

Data parallelism: every process holds the whole batch and computes its share of the micro-batches of each step;
gradients and statistics travel in one all-reduce, and every process takes the same step.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import PreTrainedModel

from agentrl.config import OptimConfig
from agentrl.errors import ConfigError, RunStoppedError
from agentrl.trainers import attention, packing
from agentrl.trainers.correction import Correction
from agentrl.trainers.data import Floats, Row, SftRow
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.losses import Stats, token_weights
from agentrl.trainers.micro_batch import MicroBatch
from agentrl.trainers.objective import Objective
from agentrl.trainers.optim import Optimizer
from agentrl.trainers.policy import Critic, CriticKind, add_lora, logits_at, plain_weights, reference_of
from agentrl.trainers.reduce import add_up, is_maximum, union
from agentrl.trainers.world import World

Metrics = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerOptions:
    """How to train, apart from what the loss is."""

    optim: OptimConfig = field(default_factory=OptimConfig)
    total_steps: int | None = None
    """Optimiser steps of the phase, which a decaying schedule has to know."""
    temperature: float = 1.0
    """Of the rollouts; log-probs are those of this distribution. 0 counts as 1, as in `SamplingParams`."""
    micro_batch_tokens: int = 4096
    """Most tokens of one forward pass, padding included."""
    dtype: str = "float32"
    """`bfloat16` runs matrix products in it (autocast); weights and sums stay float32."""
    critic: CriticKind = "none"
    lora_rank: int = 0
    seed: int = 0


class Learner:
    """Holds the policy, its optimiser, and where asked for a critic and a reference model."""

    def __init__(self, model: PreTrainedModel, options: LearnerOptions, world: World | None = None) -> None:
        self.options = options
        self.world = world or World()
        self.device = next(model.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            self.model = add_lora(model, options.lora_rank) if options.lora_rank else model.float()
        self.model.eval()  # no dropout: the engine sampled without it
        self.critic = None if options.critic == "none" else Critic(model, options.critic).to(self.device)
        self.reference: nn.Module | None = None
        trained = [self.model] if self.critic is None else [self.model, self.critic]
        self.optimizer = Optimizer(trained, options.optim, options.total_steps)
        self._rng = np.random.default_rng(options.seed)
        if self.world.size > 1:
            for parameter in self.optimizer.parameters:
                dist.broadcast(parameter.data, src=0)

    # -- reinforcement learning ----------------------------------------------------------------------------------

    def update(
        self,
        rows: Sequence[Row],
        loss: LossSpec,
        *,
        epochs: int = 1,
        mini_batches: int = 1,
        correction: Correction | None = None,
    ) -> Metrics:
        """Train on a batch: `epochs` passes, each in `mini_batches` optimiser steps over random parts of the rows.

        All processes must call it with the same rows. Where the loss consists of the policy's surrogate alone, rows
        whose advantages are all 0 have no gradient and are not computed, though they count in the normalisation.

        A `correction` compares with the policy before the first step. Where there are several steps, that costs a
        forward pass over the rows; the only step of an update has it at hand.

        Returns:
            Means over the action tokens computed (`loss`: their weighted sum), over the steps taken; `steps` is 0 and
            nothing else is there where no row had an advantage.

        Raises:
            ValueError: there is a critic, and rows without its targets (see `with_credit`).
            RunStoppedError: loss or gradient is not finite; no step was taken on it.
        """
        begin = time.perf_counter()
        objective = Objective(loss, correction, critic=self.critic is not None)
        if loss.reference_in_loss:
            rows = self._with_reference(rows)
        if correction is not None and epochs * mini_batches > 1:
            rows = self._with_proximal(rows, objective)
        before = self.optimizer.step_count
        parts = [p for _ in range(epochs) for p in np.array_split(self._rng.permutation(len(rows)), mini_batches)]
        steps = [self._policy_step([rows[i] for i in part], objective) for part in parts]
        metrics = _merge([m for m in steps if m])
        metrics["steps"] = float(self.optimizer.step_count - before)
        metrics["seconds"] = time.perf_counter() - begin
        return metrics

    def _policy_step(self, rows: list[Row], objective: Objective) -> Metrics:
        weights = token_weights([int(row.mask.sum()) for row in rows], objective.spec)
        batch = [(row, w) for row, w in zip(rows, weights.tolist(), strict=True) if objective.trains(row)]
        if not batch:
            return {}
        kept = [row for row, _ in batch]
        fields = objective.fields(kept, [w for _, w in batch])

        def compute(micro: MicroBatch) -> tuple[Tensor, Stats]:
            distributions, hidden = self._forward(self.model, micro)
            return objective(distributions, None if self.critic is None else self._value(micro, hidden), micro)

        means = self._step([r.ids for r in kept], [r.mask for r in kept], fields, compute, objective.stats())
        return objective.metrics(means)

    # -- supervised fine-tuning ----------------------------------------------------------------------------------

    def sft_update(self, rows: Sequence[SftRow]) -> Metrics:
        """One optimiser step on the weighted mean of −log π over the tokens of these rows.

        Raises:
            RunStoppedError: loss or gradient is not finite; no step was taken on it.
        """
        begin = time.perf_counter()
        weights = [np.concatenate([[0.0], row.weights[1:]]).astype(np.float32) for row in rows]
        total = sum(float(w.sum()) for w in weights)
        if total <= 0:
            raise ValueError("no token of these rows has a loss weight")
        fields = {"weights": [w / total for w in weights]}

        def compute(micro: MicroBatch) -> tuple[Tensor, Stats]:
            distributions, _ = self._forward(self.model, micro, temperature=1.0)
            loss = -(micro.fields["weights"] * micro.chosen(distributions)).sum()
            return loss, {"loss": loss.detach()}

        metrics = self._step([row.ids for row in rows], [w > 0 for w in weights], fields, compute, ["loss"])
        metrics["seconds"] = time.perf_counter() - begin
        return metrics

    # -- scoring -------------------------------------------------------------------------------------------------

    def logprobs(
        self, rows: Sequence[Row], *, temperature: float | None = None, dtype: str | None = None
    ) -> list[Floats]:
        """(L,) per row: log-probs of the trained action tokens under the current policy, 0 elsewhere.

        Temperature and arithmetic are those of training unless they are given.
        """
        return self._score(rows, lambda micro: micro.chosen(self._forward(self.model, micro, temperature, dtype)[0]))

    def reference_logprobs(self, rows: Sequence[Row]) -> list[Floats]:
        """The same under the reference model."""
        reference = self._reference()
        return self._score(rows, lambda micro: micro.chosen(self._forward(reference, micro)[0]))

    def values(self, rows: Sequence[Row]) -> list[Floats]:
        """(L,) per row: the critic's value before each trained action token, 0 elsewhere."""
        if self.critic is None:
            raise ConfigError("this learner has no critic; set critic to detached, shared or copy")
        if self.critic.trunk is not None:
            return self._score(rows, lambda micro: self._value(micro, None))
        return self._score(rows, lambda micro: self._value(micro, self._forward(self.model, micro)[1]))

    def set_reference(self) -> None:
        """Take the policy as it is now as the reference model of KL terms."""
        self.reference = reference_of(self.model)

    def _reference(self) -> nn.Module:
        if self.reference is None:
            raise ConfigError("a KL term needs a reference model; call set_reference() first")
        return self.reference

    def _with_reference(self, rows: Sequence[Row]) -> list[Row]:
        if all(row.reference is not None for row in rows):
            return list(rows)
        scored = self.reference_logprobs(rows)
        return [dataclasses.replace(row, reference=r) for row, r in zip(rows, scored, strict=True)]

    def _with_proximal(self, rows: Sequence[Row], objective: Objective) -> list[Row]:
        trained = [i for i, row in enumerate(rows) if row.proximal is None and objective.trains(row)]
        scored = dict(zip(trained, self.logprobs([rows[i] for i in trained]), strict=True))
        return [dataclasses.replace(r, proximal=scored[i]) if i in scored else r for i, r in enumerate(rows)]

    @torch.no_grad()
    def _score(self, rows: Sequence[Row], compute: Callable[[MicroBatch], Tensor]) -> list[Floats]:
        shares = packing.plan([len(row) for row in rows], self.options.micro_batch_tokens, self.world.size)
        mine: list[tuple[int, Floats]] = []
        for batch in shares[self.world.rank]:
            micro = MicroBatch.build([rows[i].ids for i in batch], [rows[i].mask for i in batch], {}, self.device)
            flat = compute(micro).float().cpu().numpy() if len(micro) else np.zeros(0, np.float32)
            ends = np.cumsum([rows[i].mask.sum() for i in batch])
            for i, part in zip(batch, np.split(flat, ends[:-1]), strict=True):
                scores = np.zeros(len(rows[i]), np.float32)
                scores[rows[i].mask] = part
                mine.append((i, scores))
        return union(mine) if self.world.size > 1 else [scores for _, scores in sorted(mine, key=lambda item: item[0])]

    # -- weights and state ---------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """The policy's weights by their Hugging Face names, for `Engine.publish` and checkpoints; not copied."""
        return plain_weights(self.model)

    def adapters(self) -> dict[str, Tensor]:
        """The weights of the LoRA adapters alone, by the names that `peft` gives them in a file; not copied."""
        from peft import get_peft_model_state_dict

        return {name: tensor.detach() for name, tensor in get_peft_model_state_dict(self.model).items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything but the policy's plain weights that a resumed run needs."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "rng": self._rng.bit_generator.state,
            "critic": None if self.critic is None else self.critic.state_dict(),
            "reference": None if self.reference is None else self.reference.state_dict(),
            "adapters": self.model.state_dict() if self.options.lora_rank else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`, for a learner built with the same options around the saved policy."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["rng"]
        if state["adapters"] is not None:
            self.model.load_state_dict(state["adapters"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        if state["reference"] is not None:
            self.set_reference()
            self._reference().load_state_dict(state["reference"])

    # -- one step ------------------------------------------------------------------------------------------------

    def _step(
        self,
        ids: list[Any],
        masks: list[Any],
        fields: dict[str, list[Any]],
        compute: Callable[[MicroBatch], tuple[Tensor, Stats]],
        names: Sequence[str],
    ) -> Metrics:
        lengths = [len(row) for row in ids]
        shares = packing.plan(lengths, self.options.micro_batch_tokens, self.world.size)
        self.optimizer.zero_grad()
        sums = {name: torch.zeros((), device=self.device) for name in names}
        for batch in shares[self.world.rank]:
            micro = MicroBatch.build(
                [ids[i] for i in batch],
                [masks[i] for i in batch],
                {name: [arrays[i] for i in batch] for name, arrays in fields.items()},
                self.device,
            )
            if len(micro) == 0:
                continue
            loss, stats = compute(micro)
            loss.backward()
            for name, value in stats.items():
                sums[name] = torch.maximum(sums[name], value) if is_maximum(name) else sums[name] + value
        if self.world.size > 1:
            sums = add_up(self.optimizer.parameters, sums)
        loss_sum = float(sums["loss"])
        norm = float(torch.nn.utils.clip_grad_norm_(self.optimizer.parameters, self.options.optim.max_grad_norm))
        if not math.isfinite(norm) or not math.isfinite(loss_sum):
            raise RunStoppedError(
                f"optimiser step {self.optimizer.step_count}: loss {loss_sum}, gradient norm {norm};"
                " lower the learning rate or look for extreme log-probs in the batch"
            )
        lr = self.optimizer.lr
        self.optimizer.step()
        count = max(int(sum(mask.sum() for mask in masks)), 1)
        whole = {name for name in sums if name == "loss" or is_maximum(name)}
        metrics = {name: float(v) / (1 if name in whole else count) for name, v in sums.items()}
        metrics |= {"grad_norm": norm, "lr": lr, "rows": float(len(ids)), "tokens": float(sum(lengths))}
        metrics["action_tokens"] = float(count)
        metrics["padding"] = packing.padding_share(lengths, [batch for share in shares for batch in share])
        return metrics

    def _forward(
        self, model: nn.Module, micro: MicroBatch, temperature: float | None = None, dtype: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """(N, V) log-probs of every token and (N, H) hidden states before each target."""
        with self._precision(model, dtype):
            logits, hidden = logits_at(model, micro.ids, micro.index)
        logits = logits.float()
        temperature = temperature or self.options.temperature or 1.0
        if temperature != 1:
            logits = logits / temperature
        return torch.log_softmax(logits, dim=-1), hidden

    def _value(self, micro: MicroBatch, hidden: Tensor | None) -> Tensor:
        if self.critic is None:
            raise ConfigError("this learner has no critic")
        with self._precision(self.critic.trunk):
            values: Tensor = self.critic(micro.ids, micro.index, hidden)
        return values

    def _precision(self, model: nn.Module | None, dtype: str | None = None) -> ExitStack:
        """The arithmetic of a forward pass of `model`."""
        stack = ExitStack()
        if (dtype or self.options.dtype) == "bfloat16":
            stack.enter_context(torch.autocast(self.device.type, torch.bfloat16))
            if model is not None and self.device.type == "cpu" and attention.supported(self.model.config):
                stack.enter_context(attention.blocked(model))
        return stack


def _merge(steps: Sequence[Metrics]) -> Metrics:
    """Mean over the optimiser steps of an update; counts are summed, of maxima the largest counts."""
    if not steps:
        return {}

    def merge(key: str) -> Callable[[list[float]], np.floating[Any]]:
        return np.sum if key in ("rows", "tokens", "action_tokens") else np.max if is_maximum(key) else np.mean

    return {key: float(merge(key)([step[key] for step in steps])) for key in steps[0]}
