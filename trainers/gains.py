"""Whether, and how, a run makes the reward channel `information_gain` itself."""

from __future__ import annotations

from fnmatch import fnmatchcase

from agentrl.agents.information_gain import GAIN, PAPER_FORM, InformationGain
from agentrl.config import GainConfig
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.trainers.methods import Method


def information_gain(config: GainConfig, method: Method, env: Episode) -> InformationGain | None:
    """What scores the episodes; None where no reward is made from it, or the environment gives the channel itself.

    Raises:
        ConfigError: `config` has options that nothing would use, or a form without a place for the answer.
    """
    if GAIN not in method.rewards or any(fnmatchcase(GAIN, channel) for channel in env.channels):
        if config != GainConfig():
            raise ConfigError(
                f"rl.information_gain says how the run makes the reward {GAIN}, and it does not: add it to rl.rewards,"
                " or leave these options out"
            )
        return None
    known = env.reference(env.tasks()[0])
    return InformationGain(config.form or known.get("answer_form") or PAPER_FORM, config.difference)
