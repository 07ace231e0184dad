"""How the rollouts of a group are made, judged and compared."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from agentrl.config.price import Price
from agentrl.config.section import Section


class LookaheadConfig(Section):
    """Rollouts that come from a lookahead tree: branches that differ are kept, those that say the same are pruned."""

    level: Literal["auto", "none", "token", "turn"] = "auto"
    """Branches within the first action of an episode, or at the borders of its turns (the environment is forked then).
    `auto` is what `rl.method` asks for: `token` for `latr`, `none` for others."""
    preset: Literal["countdown", "math"] = "countdown"
    """Published thresholds of the level `token`."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Thresholds to change; see `TokenOptions` and `TurnOptions` in `agentrl.agents.lookahead.options`."""
    share: float | dict[int, float] = Field(default_factory=dict)
    """η: which share of a group's rollouts comes from the tree, the others are sampled one by one. Either a table of
    steps of RL and the shares from there on, or η0 for η0 · decay^step; an empty table takes that of `preset`, or 1
    throughout at the level `turn`."""
    decay: float = Field(1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _check_share(self) -> Self:
        shares = self.share.values() if isinstance(self.share, dict) else [self.share]
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"share = {self.share} must lie in [0, 1]")
        if isinstance(self.share, dict) and self.share and min(self.share) != 0:
            raise ValueError("a table of shares begins at step 0")
        if isinstance(self.share, dict) and self.decay != 1:
            raise ValueError("decay is for a share that is a number: set share, too")
        if self.level == "turn" and self.preset != type(self).model_fields["preset"].default:
            raise ValueError("preset is for the level token: leave it out")
        return self


class JudgeConfig(Section):
    """The language model, on an OpenAI-compatible server, that compares trajectories, or judges the items of checklists
    that no program can check."""

    url: str = ""
    """Up to and with the version, `http://host:8000/v1`; "" judges by program alone."""
    model: str = ""
    api_key: str = Field("", exclude=True, repr=False)
    """What the server wants; default: the environment variable AGENTRL_JUDGE_API_KEY. Never written to disk."""
    concurrency: int = Field(64, ge=1)
    """Questions at a time."""
    allow_unaudited: bool = False
    """Train with a judge that has not passed `agentrl judge audit`."""
    price: Price = Price()
    """Of the tokens that it is asked with, and answers with."""

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if bool(self.url) != bool(self.model):
            raise ValueError("url and model go together: give both, or neither")
        if self.price.given and not self.url:
            raise ValueError("price is for a language model: give its url, too")
        return self


class TournamentConfig(Section):
    """How the reward channels `arena` (ranks from a tournament) and `pointwise` (scores one by one) are made."""

    topology: Literal["round_robin", "anchor", "single_elimination", "double_elimination", "swiss"] = (
        "single_elimination"
    )
    ties: Literal["average", "competition", "stretched"] = "average"
    """What rollouts of the same rank get: see `agentrl.agents.arena.rewards`."""
    greedy_first: Literal["auto", "yes", "no"] = "auto"
    """Whether the first rollout of each group takes the most likely tokens; `auto` where the topology makes it the
    anchor."""
    judge: Literal["llm", "programmatic"] = "llm"
    """Who compares: the language model of `judge`, or a program that knows the quality of a trajectory and errs."""
    quality: str = ""
    """For the program: a reward channel of the environment, or `module:name` of a function of task and turns."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of the program's errors, in units of the quality."""
    position_bias: float = 0.0
    """What the program adds to the score of what it sees first."""
    compression: float = Field(1.0, gt=0, le=1)
    """What the program multiplies the quality with for `pointwise` scores; its errors stay as they are."""

    @model_validator(mode="after")
    def _check_judge(self) -> Self:
        default = {name: field.default for name, field in type(self).model_fields.items()}
        if self.judge == "programmatic" and not self.quality:
            raise ValueError("judge = 'programmatic' needs quality: a reward channel, or module:name")
        if self.judge == "llm":
            for name in ("quality", "noise", "position_bias", "compression"):
                if getattr(self, name) != default[name]:
                    raise ValueError(f"{name} is for judge = 'programmatic': set it, too, or leave {name} out")
        return self
