"""Tasks in OSWorld's files: read, set up and graded by OSWorld's rules."""

from agentrl.envs.gui.desktop.osworld.task import OSWorldTask, load

__all__ = ["OSWorldTask", "load"]
