"""Tasks in OSWorld's files: read, set up and graded by OSWorld's rules."""

from agentrl.envs.gui.desktop.osworld.task import OSWorldTask, ids, load

__all__ = ["OSWorldTask", "ids", "load"]
