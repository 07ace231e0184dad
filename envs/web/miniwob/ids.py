"""An id for each page, registered by importing this.

gym.make("agentrl.envs.web.miniwob.ids:MiniWoB-click-link-v0")
"""

from __future__ import annotations

from agentrl.envs.web.miniwob.pages import names
from agentrl.registry import ENVIRONMENTS, register

_ALL = ENVIRONMENTS["MiniWoB-v0"]
IDS = tuple(f"MiniWoB-{name}-v0" for name in names())
"""In the order of `names`."""

for _id, _name in zip(IDS, names(), strict=True):
    register(_id, _ALL.entry_point, max_episode_steps=_ALL.max_episode_steps, task=_name)
