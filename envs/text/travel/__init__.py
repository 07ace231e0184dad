"""Open-ended trip planning: hard constraints that are checked, wishes that are graded, and no single right answer."""

from agentrl.envs.text.travel.env import TravelEnv

__all__ = ["TravelEnv"]
