"""Whether servers hold the weights that were published, judged by what they say about a fixed text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agentrl.agents.engine import Probe
from agentrl.errors import RunStoppedError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A version that all replicas have been proved to hold."""

    version: int
    probe: Probe
    noise: float
    """How far replicas were from the trainer at most, by then: arithmetic, not weights."""


class Verifier:
    """Judges one publish after another. Distances are mean |Δ log-prob| over the tokens of the probe.

    A replica must be within `tolerance` of the trainer, and of the other replicas. That does not show a reload which
    silently did nothing, as one optimiser step may move the policy by less. So a replica must also be nearer to the
    trainer's new weights than to the last ones that it is proved to have held, as soon as these two are further apart
    than twice the noise. A replica that stays behind is then told by the triangle inequality, however slowly the policy
    moves: the old version stays the measure until the new one is far enough from it.
    """

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self._anchor: _Anchor | None = None

    def judge(self, version: int, probe: Probe, answers: Mapping[str, Sequence[float]]) -> float:
        """The largest distance of a replica from the trainer.

        Args:
            answers: URL → (L − 1,) log-probs of the probe's tokens.

        Raises:
            RunStoppedError: a replica does not hold the version; the message names it.
        """
        new = np.asarray(probe.logprobs)
        said = {url: np.asarray(answer) for url, answer in answers.items()}
        for url, answer in said.items():
            if answer.shape != new.shape:
                raise _stop(url, version, f"it gives {len(answer)} log-probs for {len(new)} tokens of the probe")
        gaps = {url: _distance(answer, new) for url, answer in said.items()}
        for url, gap in gaps.items():
            if not gap <= self.tolerance:  # NaN is no agreement
                raise _stop(url, version, f"mean |Δ log-prob| to the trainer is {gap:.3g}, over {self.tolerance:g}")
        for url, answer in said.items():
            for other, reference in said.items():
                if not (gap := _distance(answer, reference)) <= self.tolerance:
                    raise _stop(url, version, f"it differs from {other} by {gap:.3g} on average")
        largest = max(gaps.values(), default=0.0)
        anchor = self._anchor
        if anchor is not None and anchor.probe.token_ids == probe.token_ids:
            old = np.asarray(anchor.probe.logprobs)
            if _distance(new, old) <= 2 * anchor.noise:
                return largest
            for url, answer in said.items():
                if (behind := _distance(answer, old)) <= gaps[url]:
                    raise _stop(
                        url,
                        version,
                        f"its log-probs are nearer to version {anchor.version} ({behind:.3g}) than to the new one "
                        f"({gaps[url]:.3g}): the update did nothing there",
                    )
        self._anchor = _Anchor(version, probe, max(largest, anchor.noise if anchor else 0.0))
        return largest


def _distance(a: Floats, b: Floats) -> float:
    return float(np.abs(a - b).mean())


def _stop(url: str, version: int, why: str) -> RunStoppedError:
    return RunStoppedError(
        f"{url} does not hold version {version} of the policy: {why}. Make sure that it serves this run's model, in a "
        "dtype near the trainer's, and that nobody else changes its weights; then restart the server and resume the run"
    )
