"""The image `agentrl/swe` with what the tests of a repository need beside pytest."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agentrl.envs.swe.needs import pip
from agentrl.envs.swe.toolbox import SITE
from agentrl.errors import InfraError
from agentrl.sandboxes.images.context import context
from agentrl.sandboxes.images.engine import APIError, BuildError, DockerClient
from agentrl.sandboxes.images.wheelhouse import Target

_DOCKERFILE = f"""FROM %s
USER root
RUN rm -rf {SITE}
COPY site {SITE}
RUN python3 -m compileall -q --invalidation-mode unchecked-hash {SITE}
"""
_OLDEST = 17
"""Of glibc 2.x, that wheels for Linux are made for."""


def outfit(engine: DockerClient, base: str, requirements: Sequence[str]) -> str:
    """The name of an image that has these, made if need be.

    Args:
        base: `agentrl/swe`, which the engine holds.
        requirements: all of them, pytest among them (`needs.pinned`).

    Raises:
        ConfigError: pip cannot install them.
        InfraError: the engine fails.
    """
    tag = f"{base}-{hashlib.sha256(json.dumps(list(requirements)).encode()).hexdigest()[:12]}"
    if engine.images.list(tag):
        return tag
    target = Target.of_image(engine, base)
    platforms = [f"--platform=manylinux_2_{n}_{target.machine}" for n in range(_OLDEST, target.libc_version[1] + 1)]
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as archive:
        folder = Path(scratch)
        python = [f"--python-version={target.python[0]}.{target.python[1]}", *platforms]
        pip("install", "--no-deps", "--no-compile", *python, f"--target={folder / 'site'}", *requirements)
        (folder / "Dockerfile").write_text(_DOCKERFILE % base)
        context(archive, folder)
        archive.seek(0)
        try:
            engine.images.build(fileobj=archive, custom_context=True, tag=tag, network_mode="none", forcerm=True)
        except (APIError, BuildError) as error:
            raise InfraError(f"{tag} could not be built: {error}") from error
    return tag
