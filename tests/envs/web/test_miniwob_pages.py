"""Every page of MiniWoB++, as an environment of Gymnasium."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.conftest import require

require("playwright")

from agentrl.envs.properties import PROPERTIES, Subject
from agentrl.envs.web.browser import pool
from agentrl.envs.web.miniwob.pages import names

if not os.environ.get("CI") and not any(map(shutil.which, pool.PROGRAMS)):
    pytest.skip("there is no Chromium", allow_module_level=True)


@pytest.mark.parametrize("name", names())
def test_check_env_accepts_every_page(name: str) -> None:
    PROPERTIES["gymnasium"](Subject("MiniWoB-v0", {"task": name}))
