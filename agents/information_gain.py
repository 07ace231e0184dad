"""Information gain: what each turn added to the policy's belief in the reference answer; arXiv 2510.14967.

    s_t = (1/L) Σ_j log π(a_j | C_t, a_<j)        r_t = s_t − s_{t−1}

C_t is the context after turn t and what the environment showed then, the header of the next action included; a_1 … a_L
are the tokens of the reference answer, within an action that gives it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from agentrl.errors import ConfigError
from agentrl.types import Task, Turn

if TYPE_CHECKING:
    from agentrl.agents.episode import LLMAgent
    from agentrl.agents.render import Renderer

Gain = Literal["logprob", "probability"]

GAIN = "information_gain"
"""The reward channel."""
ANSWER = "{answer}"
PAPER_FORM = f"<think>\nNow there's enough information to answer\n</think>\n<answer>\n{ANSWER}\n</answer>"


@dataclass(frozen=True, slots=True)
class InformationGain:
    """Gives the turns of an episode the channel `information_gain`; an `AfterRollout` of the agent loop.

    The last turn has no gain: it is the answer, or all that came of it is in no context. A turn whose belief is not
    finite, or after which the answer does not fit the engine, has none either, nor has one after it.
    """

    form: str = PAPER_FORM
    """An action that gives the answer, `{answer}`; nothing but the answer is scored."""
    gain: Gain = "logprob"
    """See `gains_from_scores`."""

    def __post_init__(self) -> None:
        if self.form.count(ANSWER) != 1:
            raise ConfigError(f"the form of an answer has {ANSWER} in it once, as in 'answer[{ANSWER}]': {self.form!r}")

    async def __call__(self, agent: LLMAgent, task: Task, turns: Sequence[Turn], session: str) -> None:
        """Score the answer after each turn but the last, in one call of the engine.

        Raises:
            ConfigError: the task has no reference answer.
            InfraError: the engine failed.
        """
        target, span = self.target(agent.renderer, task)
        context, cuts = prefixes(turns)
        fitting = [cut for cut in cuts if cut + len(target) < agent.engine.max_context]
        if not span or len(fitting) < 2:
            return
        scores = await agent.engine.score_many(context, fitting, target, session)
        beliefs = [float(np.mean(logprobs[span.start :])) for logprobs in scores.logprobs]
        for turn, gain in zip(turns, gains_from_scores(beliefs, self.gain).tolist(), strict=False):
            if np.isfinite(gain):
                turn.rewards[GAIN] = gain
                turn.scored_version = scores.version

    def target(self, renderer: Renderer, task: Task) -> tuple[list[int], range]:
        """Ids of an action up to the end of the answer in it, and which of them are the answer's.

        Raises:
            ConfigError: the task has no reference answer.
        """
        answer = task.reference.get("answer")
        if not isinstance(answer, str):
            raise ConfigError(
                f"information gain needs the reference answer of task {task.task_id} of {task.env_id}, and its"
                f" reference has {sorted(task.reference) or 'nothing'}; leave out the reward {GAIN}, or give it one"
            )
        before, _, after = self.form.partition(ANSWER)
        ids, span = renderer.action_around(before, answer, after)
        return ids[: span.stop], span


def prefixes(turns: Sequence[Turn]) -> tuple[array[int], list[int]]:
    """The ids of an episode, and how many of them were the context of each action."""
    context, cuts = array("i"), list[int]()
    for turn in turns:
        context.extend(turn.prompt_ids)
        cuts.append(len(context))
        context.extend(turn.action_ids)
    return context, cuts


def gains_from_scores(scores: npt.ArrayLike, gain: Gain = "logprob") -> npt.NDArray[np.float64]:
    """(T,) gains r_t = b_t − b_{t−1} of T turns, NaN where one of the two is not finite.

    Args:
        scores: (T + 1,) s_t, mean log-prob of the reference answer's tokens before the first turn and after each.
        gain: b = s (the final paper), or b = exp s, geometric mean of the tokens' probabilities (its first version).
    """
    s = np.asarray(scores, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        gains = np.diff(s if gain == "logprob" else np.exp(s))
    gains[~np.isfinite(gains)] = np.nan
    return gains
