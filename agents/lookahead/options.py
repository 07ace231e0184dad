"""What lookahead trees are grown by. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agentrl.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """Branches within one action; the defaults are those of the paper for Countdown (arXiv 2510.24302).

    A row is continued by its most likely token c*. Another candidate c opens a branch iff

        P(c) > tau_abs  and  P(c*) − P(c) < tau_rel,   with P at temperature 1.

    A branch with r tokens of its own is compared with what its parent has there, and pruned iff

        EditDistance / r < tau_ed,  or  common suffix / r > tau_suffix,  or  ROUGE-L > tau_rouge.
    """

    tau_abs: float = 0.25
    tau_rel: float = 0.15
    candidates: int = 2
    """m: how many of the most likely tokens are looked at, c* included; vLLM gives as many as its `--max-logprobs`."""
    lookahead: tuple[int, ...] = (20, 30, 50)
    """The r at which a branch is compared."""
    tau_ed: float = 0.4
    """0 switches this test off."""
    tau_suffix: float = 1.0
    """1 switches this test off."""
    tau_rouge: float = 1.0
    """1 switches this test off."""
    keep: str = ""
    """Branches are not pruned where their parent's token has no characters but these: one digit more or less makes two
    texts differ in what they say, not in how. The released code has `+-*/\\<>=()[]{}_^&%$0123456789` here for
    mathematics."""
    suppress: Literal["probability", "rank"] = "probability"
    """Which branches are opened where there is no room for all: the most likely (paper), or those of lower rank, row by
    row (released code)."""
    full: float = 0.98
    full_decay: float = 0.05
    """The tree is full with round(k (full − full_decay · t / max_tokens)) rows at step t."""
    max_steps: int = 512
    """Then all rows go back to sampling, full or not."""

    def __post_init__(self) -> None:
        for name in ("tau_abs", "tau_rel", "tau_ed", "tau_suffix", "tau_rouge", "full", "full_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name)} must lie in [0, 1]")
        if self.candidates < 2:
            raise ConfigError(f"candidates = {self.candidates} leaves nothing to branch to: set at least 2")
        if not self.lookahead or min(self.lookahead) < 2:
            raise ConfigError(f"lookahead = {list(self.lookahead)}: give one number of tokens or more, each at least 2")
        if self.tau_ed == 0 and self.tau_suffix == 1 and self.tau_rouge == 1:
            raise ConfigError("tau_ed = 0, tau_suffix = 1 and tau_rouge = 1 prune nothing: switch one test on")
        if self.max_steps < 1:
            raise ConfigError(f"max_steps = {self.max_steps} grows no tree: set at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """Branches at the borders of turns; ours."""

    actions: int = 4
    """How many actions are sampled at most from one state, its own included; equal texts count once."""
    lookahead: Literal[1, 2] = 1
    """Turns after which a branch is compared with those that came from the same state."""
    compare: Literal["state", "observation"] = "state"
    """What must agree for a branch to be pruned: all that the environment shows of its state (text, rewards, outcome,
    admissible commands), or its text alone."""

    def __post_init__(self) -> None:
        if self.actions < 2:
            raise ConfigError(f"actions = {self.actions} leaves nothing to branch to: set at least 2")


PRESETS: Mapping[str, TokenOptions] = {
    "countdown": TokenOptions(),
    "math": TokenOptions(tau_abs=0.15, tau_rel=0.25, tau_ed=0.0, tau_suffix=0.2, tau_rouge=0.5, max_steps=1024),
}
"""The published sets."""

SHARES: Mapping[str, Mapping[int, float]] = {
    "countdown": {0: 1.0, 10: 0.75, 20: 0.5, 80: 0.25, 200: 0.0},
    "math": {0: 1.0, 100: 0.75, 200: 0.5, 300: 0.25},
}
"""Share of a group's rollouts that comes from a tree, from each step of training on, in the released code."""
