"""Customer service over real databases, with a policy that the database enforces."""

from agentrl.envs.text.tooldesk.env import ToolDeskEnv
from agentrl.envs.text.tooldesk.simulated import ToolSimulator, UnrecordedCallError

__all__ = ["ToolDeskEnv", "ToolSimulator", "UnrecordedCallError"]
