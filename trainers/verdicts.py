"""Whether, and by whom, a run has checklists judged."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial

from agentrl.agents.arena.group import ARENA
from agentrl.agents.judges.audit import load_audit
from agentrl.agents.judges.meter import Meter
from agentrl.agents.judges.monitor import ChecklistMonitor
from agentrl.agents.judges.programmatic import CheckJudge
from agentrl.agents.loop import MonitorFactory
from agentrl.config import EvalConfig, JudgeConfig
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.trainers.methods import Method

CHANNELS = "checklist/*"


def checklist_exam(config: EvalConfig) -> MonitorFactory | None:
    """What follows the episodes that are measured, if their checklists are; it leaves them as they are."""
    return partial(ChecklistMonitor, CheckJudge(), strict=False) if config.checklists else None


def checklist_monitor(
    config: JudgeConfig, method: Method, env: Episode, meter: Meter | None = None
) -> MonitorFactory | None:
    """What follows the episodes; None where no reward is made of checklists, or the environment gives them itself.

    Items that carry a check are judged by program, all others by the language model of `config`.

    Args:
        meter: counts what a language model uses.

    Raises:
        ConfigError: there is a judge and nothing to judge, or one that has not passed its audit.
        MissingExtraError: the package `openai` is not installed, and there is a language model to ask.
    """
    if CHANNELS not in method.rewards or any(fnmatchcase("checklist/0/x", channel) for channel in env.channels):
        if config != JudgeConfig() and ARENA not in method.rewards:
            raise ConfigError(f"judge is for checklists: add {CHANNELS} to rl.rewards, or leave it out")
        return None
    if not config.url:
        return partial(ChecklistMonitor, CheckJudge())
    from agentrl.agents.judges.chat import Chat, ChatOptions
    from agentrl.agents.judges.llm import LLMJudge

    check_audit(config, LLMJudge.protocol, "items")
    return partial(ChecklistMonitor, CheckJudge(LLMJudge(Chat(ChatOptions.of(config), meter))))


def check_audit(config: JudgeConfig, protocol: str, kind: str) -> None:
    """Refuse a language model that was not audited as a judge of this kind, or failed, unless `allow_unaudited`.

    Args:
        protocol: what the judge is told.
        kind: what it judges, as `agentrl judge audit --of` has it.

    Raises:
        ConfigError: with the way out.
    """
    if config.allow_unaudited:
        return
    audit = load_audit(config.url, config.model, protocol)
    way_out = "or train with it all the same: judge.allow_unaudited = true"
    if audit is None:
        command = f"agentrl judge audit --of {kind} --set judge.url={config.url} --set judge.model={config.model}"
        raise ConfigError(f"the judge {config.model} was not audited: run `{command}`, {way_out}")
    if problems := audit.problems():
        raise ConfigError(f"the judge {config.model} failed its audit: {problems[0]}; choose another, {way_out}")
