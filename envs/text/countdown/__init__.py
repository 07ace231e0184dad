"""Reach a number from given numbers with + - * /."""

from agentrl.envs.text.countdown.env import CountdownEnv

__all__ = ["CountdownEnv"]
