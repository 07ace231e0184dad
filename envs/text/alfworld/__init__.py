"""ALFWorld's text games: our own engine, a generator of games, and the original package behind the same interface."""

from agentrl.envs.text.alfworld.env import ALFWorldEnv

__all__ = ["ALFWorldEnv"]
