"""Pointing at what is described: a cursor, a page, and GUI-Cursor's reward."""

from agentrl.envs.gui.grounding.env import GroundingEnv

__all__ = ["GroundingEnv"]
