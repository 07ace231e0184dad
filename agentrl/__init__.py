"""agentrl: multi-turn agentic RL, from an environment to a better agent.

Importing it registers the environments with Gymnasium and loads no heavy dependency.
"""

from agentrl.registry import register, register_environments

__version__ = "0.1.0"
__all__ = ["__version__", "register"]

register_environments()
