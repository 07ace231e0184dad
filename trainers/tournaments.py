"""Whether, and how, a run compares the rollouts of its groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agentrl.agents.arena.group import ARENA, POINTWISE, Arena, Pointwise
from agentrl.agents.arena.topologies import USE_ANCHOR
from agentrl.agents.judges.latent import LatentJudge, quality_of
from agentrl.agents.judges.meter import Meter
from agentrl.agents.judges.pairs import PairJudge
from agentrl.agents.loop import AfterGroup
from agentrl.config import Config, JudgeConfig, TournamentConfig
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.methods import Method
from agentrl.trainers.verdicts import CHANNELS, check_audit
from agentrl.types import Group


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What compares the rollouts of a group: an `AfterGroup` of the agent loop."""

    hooks: Sequence[AfterGroup]
    greedy_first: bool
    """Whether the first rollout of each group takes the most likely tokens."""

    async def __call__(self, group: Group, seed: int) -> dict[int, str]:
        lost = dict[int, str]()
        for hook in self.hooks:
            lost |= await hook(group, seed)
        return lost


def comparisons(config: Config, method: Method, env: Episode, meter: Meter | None = None) -> Comparisons | None:
    """What rewards the groups; None where nothing compares them, or the environment gives the channels itself.

    Args:
        meter: counts what a language model uses.

    Raises:
        ConfigError: an option has no effect or does not fit the others, or the judge has not passed its audit.
        UnknownNameError: the environment has no such reward channel to tell the quality.
        MissingExtraError: the package `openai` is not installed, and there is a language model to ask.
    """
    options = config.tournament
    made = {
        name
        for name in (ARENA, POINTWISE)
        if name in method.rewards and not any(fnmatchcase(name, channel) for channel in env.channels)
    }
    _check_use(config, method, made)
    if not made:
        return None
    if ARENA in made and config.rl.group_size < 2:
        raise ConfigError(f"a tournament needs two rollouts: rl.group_size = {config.rl.group_size}")
    hooks: list[AfterGroup] = []
    if options.judge == "programmatic":
        judge = _program(config, env)
        hooks += [Arena(judge, options.topology, options.ties)] if ARENA in made else []
        hooks += [Pointwise(judge)] if POINTWISE in made else []
    else:
        hooks.append(Arena(_language_model(config.judge, meter), options.topology, options.ties))
    greedy = ARENA in made and (
        options.topology in USE_ANCHOR if options.greedy_first == "auto" else options.greedy_first == "yes"
    )
    if greedy and config.rl.temperature != 1:
        raise ConfigError(
            f"rl.temperature = {config.rl.temperature:g}: an engine tells the log-probs of greedy tokens at temperature"
            " 1; set it to 1, or tournament.greedy_first = 'no'"
        )
    return Comparisons(hooks, greedy)


def _check_use(config: Config, method: Method, made: set[str]) -> None:
    """Refuse options that nothing would use."""
    options, default = config.tournament, TournamentConfig()
    if not made and options != default:
        raise ConfigError(
            f"tournament says how the run makes the rewards {ARENA} and {POINTWISE}, and it makes neither: add one to"
            " rl.rewards, or leave these options out"
        )
    if POINTWISE in made and options.judge != "programmatic":
        raise ConfigError(f"the reward {POINTWISE} needs tournament.judge = 'programmatic' and tournament.quality")
    if POINTWISE not in made and options.compression != default.compression:
        raise ConfigError(
            f"tournament.compression is for the reward {POINTWISE}: add it to rl.rewards, or leave it out"
        )
    if ARENA not in made:
        for name in ("topology", "ties", "greedy_first", "position_bias"):
            if getattr(options, name) != getattr(default, name):
                raise ConfigError(f"tournament.{name} is for the reward {ARENA}: add it to rl.rewards, or leave it out")
    by_program = ARENA not in made or options.judge == "programmatic"
    if config.judge != JudgeConfig() and by_program and CHANNELS not in method.rewards:
        raise ConfigError("judge is for language models: set tournament.judge = 'llm', or leave it out")


def _program(config: Config, env: Episode) -> LatentJudge:
    options = config.tournament
    if ":" not in options.quality and not any(fnmatchcase(options.quality, channel) for channel in env.channels):
        raise UnknownNameError("reward channel for tournament.quality", options.quality, env.channels)
    return LatentJudge(
        quality_of(options.quality), options.noise, options.position_bias, options.compression, config.seed
    )


def _language_model(config: JudgeConfig, meter: Meter | None) -> PairJudge:
    if not config.url:
        raise ConfigError(
            f"the reward {ARENA} needs somebody who compares: set judge.url and judge.model, or tournament.judge ="
            " 'programmatic' and tournament.quality"
        )
    from agentrl.agents.judges.chat import Chat, ChatOptions
    from agentrl.agents.judges.llm_pairs import RETRIES, LLMPairJudge

    check_audit(config, LLMPairJudge.protocol, "pairs")
    options = ChatOptions.of(config, temperature=0.0, top_p=1.0, retries=RETRIES)
    return LLMPairJudge(Chat(options, meter))
