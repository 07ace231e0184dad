"""TextWorld games (https://github.com/microsoft/TextWorld) behind the environment contract."""

from agentrl.envs.text.textworld.env import TextWorldEnv

__all__ = ["TextWorldEnv"]
