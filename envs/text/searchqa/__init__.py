"""Questions over an encyclopaedia that nobody has read: search, open, answer."""

from agentrl.envs.text.searchqa.env import SearchQAEnv

__all__ = ["SearchQAEnv"]
