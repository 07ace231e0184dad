"""What is done on the desktop: templates of tasks, whose instances are drawn from seeds."""

from agentrl.envs.gui.desktop.tasks.base import Task
from agentrl.envs.gui.desktop.tasks.catalog import TEMPLATES, make_task, task_ids

__all__ = ["TEMPLATES", "Task", "make_task", "task_ids"]
