"""`Desktop-v0`: real programs on a real desktop, in a sandbox."""

from agentrl.envs.gui.desktop.env import DesktopEnv

__all__ = ["DesktopEnv"]
