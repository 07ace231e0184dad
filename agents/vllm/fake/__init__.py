"""A strict fake of the vLLM server: for tests, and to try a set-up without a GPU. Imported nowhere else.

It speaks as a given release with given flags speaks: the same routes, bodies and refusals. Behind it is a scripted
policy of no cost, or a small real model.
"""

from agentrl.agents.vllm.fake.policy import ScriptedPolicy
from agentrl.agents.vllm.fake.releases import RELEASES
from agentrl.agents.vllm.fake.server import FakeServer

__all__ = ["RELEASES", "FakeServer", "ScriptedPolicy"]
