"""MiniWoB++: a hundred small web pages with tasks."""

from agentrl.envs.web.miniwob.env import MiniWoBEnv

__all__ = ["MiniWoBEnv"]
