"""The command line: `agentrl`. One file per command; heavy imports happen inside the commands."""

from __future__ import annotations

import sys

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code

__all__ = ["main"]


def main() -> None:
    """Entry point of the `agentrl` script."""
    sys.exit(exit_code(app, sys.argv[1:]))
