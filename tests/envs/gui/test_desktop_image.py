"""The image of a desktop: what it holds, what it does not, and when it is made anew."""

from __future__ import annotations

import os
import tarfile
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from agentrl.envs.gui.desktop.desks import desks
from agentrl.errors import SandboxError
from agentrl.sandboxes.docker import DockerProvider
from agentrl.sandboxes.images import base
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.images.engine import engine
from agentrl.sandboxes.spec import MiB, SandboxSpec
from tests.envs.gui.desktops import need


async def output(command: str) -> str:
    spec = SandboxSpec(IMAGES["desktop"].tag, memory=256 * MiB, disk=64 * MiB)
    async with DockerProvider() as provider, await provider.create(spec) as sandbox:
        return (await sandbox.run(command, 60)).stdout.decode()


def test_the_image_has_no_privileged_program_and_nothing_of_agentrl() -> None:
    need()
    found = desks().call(
        output(
            "find / -xdev -type f -perm /6000 2> /dev/null; find / -xdev -iname '*agentrl*' -type d 2> /dev/null; "
            "command -v pip gcc; id -un; ls -A /home/user"
        )
    )
    assert found == "user\n"


def test_another_list_of_packages_makes_another_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need()
    monkeypatch.setattr(base, "DEBIAN", f"agentrl/test-{uuid.uuid4().hex}:debian")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("marker"))
    (tmp_path / "mmdebstrap").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/asked; for last; do :; done; cp {tmp_path}/root.tar "$last"\n'
    )
    (tmp_path / "mmdebstrap").chmod(0o755)
    with engine() as client:
        lists = (["one", "two"], ["one", "two"], ["one"])
        made = [base.of_packages(client, "desktop", packages, lambda line: None) for packages in lists]
        for name in set(made):
            client.images.remove(name)
    assert made[0] == made[1] != made[2]
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line for line in asked if line.startswith("--include")] == ["--include=one,two", "--include=one"]


def test_a_desktop_that_does_not_come_up_says_why() -> None:
    need()

    async def start() -> None:
        pool = await desks().pool()
        broken = pool.spec.setup[0].replace(" start ", " start -")  # a screen of negative width
        await pool.provider.create(replace(pool.spec, setup=(broken,)))

    with pytest.raises(SandboxError, match="the X server does not start") as caught:
        desks().call(start())
    assert caught.value.cause == "setup_failed"
