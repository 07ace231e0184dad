"""Information gain: what each turn added to the policy's belief in the reference answer; arXiv 2510.14967."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Gain = Literal["logprob", "probability"]


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
