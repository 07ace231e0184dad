"""Every page of MiniWoB++, as an environment of Gymnasium."""

from __future__ import annotations

import pytest

from tests.conftest import require, require_chromium

require("playwright")

from agentrl.envs.properties import PROPERTIES, Subject
from agentrl.envs.web.miniwob.pages import names

require_chromium()


@pytest.mark.parametrize("name", names())
def test_check_env_accepts_every_page(name: str) -> None:
    PROPERTIES["gymnasium"](Subject("MiniWoB-v0", {"task": name}))
