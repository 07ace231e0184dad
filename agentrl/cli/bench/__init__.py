"""`agentrl bench`: the figures of the README, each against what it is measured against, in one run."""

from __future__ import annotations

from agentrl.cli.bench.app import app

__all__ = ["app"]
