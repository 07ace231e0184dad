"""Whether, and how, rollouts of a run come from lookahead trees; and what the trees did."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from agentrl.agents.lookahead.options import PRESETS, SHARES, TokenOptions, TurnOptions
from agentrl.agents.loop import LOOKAHEAD
from agentrl.config import Config, LookaheadConfig
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.methods import Method, checked
from agentrl.trainers.rewards import source_of
from agentrl.types import Group


@dataclass(frozen=True, slots=True)
class Lookahead:
    """How trees are grown, and for how many rollouts."""

    options: TokenOptions | TurnOptions
    share: float | Mapping[int, float]
    decay: float = 1.0

    def rollouts(self, step: int, group_size: int) -> int:
        """How many rollouts of a group come from its tree at a step of RL: round(η k), but no tree of a single one.

        η = η0 · decay^step (the paper), or what a table says of the latest step in it (the released code).
        """
        if isinstance(self.share, Mapping):
            share = self.share[max(begin for begin in self.share if begin <= step)]
        else:
            share = self.share * self.decay**step
        width = round(group_size * share)
        return width if width > 1 else 0


def lookahead(config: Config, method: Method, env: Episode, *, greedy_first: bool) -> Lookahead | None:
    """How the rollouts of a run are searched for; None where they are sampled one by one.

    Lag is no obstacle: every token carries its version and the log-prob of the policy of that version, so corrections
    make up for older weights in a tree as they do in any rollout.

    Args:
        greedy_first: whether the first rollout of each group takes the most likely tokens.

    Raises:
        ConfigError, UnknownNameError: what is asked for cannot be, or could have no effect; with the reason.
    """
    section, size = config.lookahead, config.rl.group_size
    level = method.lookahead if section.level == "auto" else section.level
    if level == "none":
        if section.model_copy(update={"level": "auto"}) != LookaheadConfig():
            raise ConfigError("lookahead has options and no level: set lookahead.level, or leave them out")
        return None
    published = SHARES[section.preset] if level == "token" else {0: 1.0}
    found = Lookahead(_options(level, section), published if section.share == {} else section.share, section.decay)
    if not found.rollouts(0, size):
        raise ConfigError(f"lookahead: its share of rl.group_size = {size} is not even two rollouts; raise one of them")
    if greedy_first:
        raise ConfigError(
            "the first rollout of a group is greedy, and lookahead would make it, too: set"
            " tournament.greedy_first = 'no', or lookahead.level = 'none'"
        )
    (_check_turns if isinstance(found.options, TurnOptions) else _check_tokens)(config, found, method, env)
    return found


def _options(level: str, section: LookaheadConfig) -> TokenOptions | TurnOptions:
    base: TokenOptions | TurnOptions = PRESETS[section.preset] if level == "token" else TurnOptions()
    hints = get_type_hints(type(base))
    for name in section.overrides:
        if name not in hints:
            raise UnknownNameError(f"option of lookahead at the level {level}", name, hints)
    changes: dict[str, Any] = {name: checked(name, v, hints[name]) for name, v in section.overrides.items()}
    return dataclasses.replace(base, **changes)


def _check_tokens(config: Config, found: Lookahead, method: Method, env: Episode) -> None:
    assert isinstance(found.options, TokenOptions)
    shortest = min(found.options.lookahead)
    if config.engine.kind == "vllm" and config.rl.temperature != 1:
        raise ConfigError(
            f"rl.temperature = {config.rl.temperature}: on vLLM, lookahead at the level token samples at 1, where alone"
            " servers tell log-probs of tokens that they did not sample; set it to 1, or engine.kind = 'embedded'"
        )
    if shortest >= config.engine.max_action_tokens:
        raise ConfigError(
            f"lookahead looks at branches after {shortest} tokens, and engine.max_action_tokens ="
            f" {config.engine.max_action_tokens}: nothing would be pruned; set"
            " lookahead.overrides = { lookahead = [r, …] } with smaller r"
        )


def _check_turns(config: Config, found: Lookahead, method: Method, env: Episode) -> None:
    rl = config.rl
    if (rl.max_turns or config.env.max_turns) < 2:
        raise ConfigError("lookahead at the level turn needs two turns or more; set lookahead.level = 'token'")
    if config.engine.sessions < rl.group_size:
        raise ConfigError(
            f"a tree of turns plays its rollouts side by side: raise engine.sessions = {config.engine.sessions} to"
            f" rl.group_size = {rl.group_size} at least"
        )
    if made := sorted(name for name in method.rewards if source_of(name) is not None):
        raise ConfigError(
            f"the run gives the reward {made[0]} to single episodes, and those of a tree of turns are none: set"
            " lookahead.level = 'token', or choose other rewards"
        )
    env.reset(options={"task": env.tasks(config.env.train_split)[0]})
    env.fork().close()


def lookahead_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """What the trees of a step did; nothing where there are none.

    Means over trees: `branched`, `pruned`, `suppressed` (branches for which there was no room), `copies` (rollouts that
    padding made) and `merged` (actions sampled again, at the level turn), each `lookahead/…`; `lookahead/trees` is
    their number. Over all tokens: `lookahead/wasted`, the share of sampled tokens that reached no rollout, and
    `lookahead/cost`, sampled tokens over what as many rollouts as the tree is wide would have cost one by one.
    """
    records = _records(groups)
    if not records:
        return {}
    names = [name for name in ("branched", "pruned", "suppressed", "copies", "merged") if name in records[0]]
    tokens = sum(r["tokens"] for r in records)
    return {
        "lookahead/trees": float(len(records)),
        **{f"lookahead/{name}": sum(r[name] for r in records) / len(records) for name in names},
        "lookahead/wasted": sum(r["wasted"] for r in records) / tokens,
        "lookahead/cost": tokens / sum(r["returned"] * r["width"] / r["leaves"] for r in records),
    }


def shared_tokens(groups: Sequence[Group]) -> int:
    """How many tokens less than those of their rollouts the groups of a step have cost."""
    return sum(r["returned"] - r["tokens"] for r in _records(groups))


def _records(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [group.notes[LOOKAHEAD] for group in groups if LOOKAHEAD in group.notes]
