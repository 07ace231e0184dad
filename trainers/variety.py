"""How the attempts at one task differ, and what several of them are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agentrl.envs.base import Episode
from agentrl.types import Group, Turn


def answer_form(env: Episode, task_id: str) -> str:
    """An action that gives an answer, with `{answer}` in it; "" where the tasks of the environment ask for none."""
    return str(env.reference(task_id).get("answer_form", ""))


def final_answer(turns: Sequence[Turn], form: str) -> str:
    """What an attempt comes to: the answer that its last action gives, "" if none; without `form`, all it has done."""
    if not form:
        return "\n".join(turn.action for turn in turns)
    before, _, after = form.partition("{answer}")
    _, found, said = turns[-1].action.rpartition(before)
    return " ".join(said.removesuffix(after).split()) if found else ""


def distinct(group: Group, form: str) -> int:
    """How many final answers the rollouts of a group have; those lost to infrastructure errors count nowhere."""
    return len({final_answer([group.turns[i] for i in path], form) for path in group.rollouts()})


def pass_at(k: int, solved: Sequence[bool]) -> float:
    """Chance that one of k attempts succeeds, from n ≥ k of which c did: 1 − C(n − c, k) / C(n, k).

    Unbiased; Chen, M. et al. (2021), Evaluating Large Language Models Trained on Code, arXiv:2107.03374.

    Raises:
        ValueError: fewer attempts than k.
    """
    n, c = len(solved), sum(solved)
    if n < k:
        raise ValueError(f"pass@{k} cannot be told from {n} attempts")
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def several(groups: Sequence[Group], samples: int, form: str) -> dict[str, float]:
    """What tasks say that were attempted `samples` times.

    Returns:
        `pass@k` for k = 1, 2, 4 … up to `samples`, the mean over the tasks of which so many attempts were not lost to
        infrastructure errors, and `distinct@<samples>`, the mean number of final answers of those that lost none.
    """
    solved = [[group.turns[path[-1]].outcome.solved for path in group.rollouts()] for group in groups]
    worth = {}
    for k in (2**i for i in range(samples.bit_length())):
        worth[f"pass@{k}"] = _mean([pass_at(k, attempts) for attempts in solved if len(attempts) >= k])
    whole = [distinct(group, form) for group, attempts in zip(groups, solved, strict=True) if len(attempts) == samples]
    return worth | {f"distinct@{samples}": _mean(whole)}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
