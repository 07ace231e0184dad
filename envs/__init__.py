"""Environments: text, web, software engineering, GUI."""

from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.envs.spaces import Unicode

__all__ = ["Episode", "Result", "TextEnv", "Unicode"]
