"""Whether, and by whom, a run has checklists judged."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import partial

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


def checklist_monitor(config: JudgeConfig, method: Method, env: Episode) -> MonitorFactory | None:
    """What follows the episodes; None where no reward is made of checklists, or the environment gives them itself.

    Items that carry a check are judged by program, all others by the language model of `config`.

    Raises:
        ConfigError: there is a judge and nothing to judge.
        MissingExtraError: the package `openai` is not installed, and there is a language model to ask.
    """
    if CHANNELS not in method.rewards or any(fnmatchcase("checklist/0/x", channel) for channel in env.core.channels):
        if config != JudgeConfig():
            raise ConfigError(f"judge is for checklists: add {CHANNELS} to rl.rewards, or leave it out")
        return None
    if not config.url:
        return partial(ChecklistMonitor, CheckJudge())
    from agentrl.agents.judges.chat import Chat, ChatOptions
    from agentrl.agents.judges.llm import LLMJudge

    key = config.api_key or os.environ.get("AGENTRL_JUDGE_API_KEY", "")
    chat = Chat(ChatOptions(config.url, config.model, key, concurrency=config.concurrency))
    return partial(ChecklistMonitor, CheckJudge(LLMJudge(chat)))
