"""The command line: `agentrl`. One file per command; heavy imports happen inside the commands."""

from __future__ import annotations

import os
import sys

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code

__all__ = ["main"]


def main() -> None:
    """Entry point of the `agentrl` script."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its advice on optional kernels is not for our users,
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # nor are its bars: ours tell what happens
    sys.exit(exit_code(app, sys.argv[1:]))
