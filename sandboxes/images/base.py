"""What images start from: a registry's image where one is in reach, Debian packages where none is, or must be."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from agentrl.errors import ConfigError, InfraError
from agentrl.sandboxes.images.engine import APIError, DockerClient, ImageNotFound, RequestException

OFFICIAL = "python:3.11-slim"
DEBIAN = "agentrl/debian:bookworm"
"""The same Python, from Debian packages."""
REGISTRY_TIMEOUT_S = 10


def choose(engine: DockerClient, override: str, tell: Callable[[str], None]) -> str:
    """The name of an image that the engine holds, fetched or made now if need be.

    Args:
        override: an image to take instead of choosing; one that is not here is pulled.

    Raises:
        InfraError: the image can be neither found nor pulled, or making one failed.
        ConfigError: there is no registry in reach, and a program to make an image without one is missing.
    """
    if override:
        if not _here(engine, override):
            _pull(engine, override, tell)
        return override
    if _here(engine, OFFICIAL):
        return OFFICIAL
    tell(f"looking for a registry with {OFFICIAL}")
    reason = _unreachable(OFFICIAL)
    if not reason:
        _pull(engine, OFFICIAL, tell)
        return OFFICIAL
    if not _here(engine, DEBIAN):
        tell(f"no registry in reach ({reason}): making {DEBIAN} from Debian packages, about a minute")
        _from_debian(engine, DEBIAN, ("python3",), tell)
    return DEBIAN


def of_packages(engine: DockerClient, name: str, packages: Sequence[str], tell: Callable[[str], None]) -> str:
    """The name of an image of Debian packages and what they need, made now if the engine has none of this list.

    Args:
        name: of the image that starts from it.

    Raises:
        InfraError: making it failed.
        ConfigError: the program for it is missing.
    """
    tag = f"{DEBIAN}-{name}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    if not _here(engine, tag):
        tell(f"making {tag} from Debian packages, some minutes")
        _from_debian(engine, tag, packages, tell)
    return tag


def _here(engine: DockerClient, name: str) -> bool:
    try:
        engine.images.get(name)
    except ImageNotFound:
        return False
    return True


def _unreachable(name: str) -> str:
    """Why the engine cannot see the image in its registry; "" if it can."""
    try:
        with closing(DockerClient.from_env(timeout=REGISTRY_TIMEOUT_S)) as impatient:
            impatient.images.get_registry_data(name)
    except APIError as error:
        return str(error.explanation).rpartition(": ")[2]
    except RequestException:
        return f"no answer in {REGISTRY_TIMEOUT_S} s"
    return ""


def _pull(engine: DockerClient, name: str, tell: Callable[[str], None]) -> None:
    tell(f"pulling {name}")
    try:
        engine.images.pull(name)
    except APIError as error:
        raise InfraError(f"cannot pull {name}: {error.explanation}") from error


def _from_debian(engine: DockerClient, name: str, packages: Sequence[str], tell: Callable[[str], None]) -> None:
    program = shutil.which("mmdebstrap")
    if not program:
        raise ConfigError(
            f"mmdebstrap, which makes {name} without a registry, is not installed: "
            "sudo apt-get install mmdebstrap; but for a desktop, --base IMAGE names an image to start from instead"
        )
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "debian.tar"
        command = [program, "--variant=apt", f"--include={','.join(packages)}", *_SMALL, "bookworm", str(archive)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            assert process.stderr
            lines = [""]
            for line in process.stderr:
                lines.append(line.rstrip())
                tell(f"mmdebstrap: {lines[-1]}")
        if process.returncode:
            raise InfraError(f"mmdebstrap could not make {name}:\n" + "\n".join(lines[-8:]))
        repository, _, tag = name.rpartition(":")
        tell(f"importing {name}")
        engine.api.import_image_from_file(str(archive), repository=repository, tag=tag)


_SMALL = [
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    *(
        f"--dpkgopt=path-exclude=/usr/share/{folder}/*"
        for folder in ("doc", "info", "locale", "man", "bash-completion", "lintian")
    ),
]
