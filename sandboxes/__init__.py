"""Where untrusted things run. See README.md for the contract."""

from agentrl.sandboxes.spec import Completed, Network, Provider, Sandbox, SandboxSpec

__all__ = ["Completed", "Network", "Provider", "Sandbox", "SandboxSpec"]
