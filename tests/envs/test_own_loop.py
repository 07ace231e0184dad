"""The loop that a process has one of: how it ends."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio
from agentrl.envs.own_loop import OwnLoop

class Waiting(OwnLoop):
    name = "waiting"

async def wait():
    await asyncio.get_running_loop().create_future()

async def begin():
    return asyncio.create_task(wait())

loop = Waiting()
tasks = [loop.call(begin())]
"""


def test_what_still_waits_does_not_complain_when_the_process_ends() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)
    assert done.stderr == ""
