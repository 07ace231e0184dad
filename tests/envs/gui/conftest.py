"""One desktop for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentrl.envs.gui.desktop.desks import desks
from agentrl.envs.gui.desktop.session import Desktop
from tests.envs.gui.desktops import need


@pytest.fixture(scope="module")
def shared() -> Iterator[Desktop]:
    need()
    desktop = desks().call(desks().acquire())
    yield desktop
    desks().call(desktop.close())
