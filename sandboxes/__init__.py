"""Where untrusted things run. See README.md for the contract.

from agentrl.sandboxes import SandboxSpec
from agentrl.sandboxes.docker import DockerProvider
from agentrl.sandboxes.process import ProcessProvider
from agentrl.sandboxes.pool import Pool
"""

from agentrl.sandboxes.spec import Completed, Network, Provider, Sandbox, SandboxSpec

__all__ = ["Completed", "Network", "Provider", "Sandbox", "SandboxSpec"]
