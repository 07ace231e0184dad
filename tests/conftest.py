"""Shared by all tests."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("agentrl", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("agentrl")


def require(module: str) -> ModuleType:
    """Import an optional component. Without it the test skips and says so; in CI, where all must be there, it fails."""
    if os.environ.get("CI"):
        return importlib.import_module(module)
    return pytest.importorskip(module, exc_type=ImportError)


def lack(reason: str) -> NoReturn:
    """Skip a test for want of something else than a package, as `require` does."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def require_chromium() -> str:
    """The program that pages are shown by. Without it, or Playwright, the test skips, as `require` does."""
    require("playwright")
    from agentrl.envs.web.browser.pool import chromium
    from agentrl.errors import BrowserError

    try:
        return chromium()
    except BrowserError as error:
        lack(str(error))
