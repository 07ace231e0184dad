"""Shared by all tests."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest
from hypothesis import settings

settings.register_profile("agentrl", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("agentrl")


def require(module: str) -> ModuleType:
    """Import an optional component. Without it the test skips and says so; in CI, where all must be there, it fails."""
    if os.environ.get("CI"):
        return importlib.import_module(module)
    return pytest.importorskip(module, exc_type=ImportError)
