"""What every sandbox of SWE-v0 has in `/opt/agentrl`: pytest for its own Python, and commands that run both.

The image `agentrl/swe` holds it. A sandbox made of the host's /usr gets the same from the pytest that is installed
here: pure Python, copied once and compiled for the Python in there. Where the tests of a repository need more, pip
installs that and pytest.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from agentrl.envs.swe.needs import pip
from agentrl.errors import ConfigError, MissingExtraError
from agentrl.files import cache_folder

INSIDE = PurePosixPath("/opt/agentrl")
SITE = INSIDE / "site"
"""For PYTHONPATH: pytest and what it needs."""
BIN = INSIDE / "bin"
"""For PATH: `pytest` and `python`."""

_SANDBOX_PATH = "/usr/local/bin:/usr/bin:/bin"
_COMMANDS = {"python": "python3", "pytest": "python3 -m pytest"}


def toolbox(requirements: Sequence[str] = ()) -> Path:
    """A folder of the host with the content of `INSIDE`, made if need be and kept in the cache.

    Args:
        requirements: all that is to be in it, pytest among it (`needs.pinned`); none for pytest alone.

    Raises:
        MissingExtraError: pytest, or something that it needs, is not installed here.
        ConfigError: the host's /usr has no Python that can run it, or pip cannot install what is required.
    """
    python = shutil.which("python3", path=_SANDBOX_PATH)
    if python is None:
        raise ConfigError("sandboxes made of the host need its /usr/bin/python3: install the package python3")
    probe = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.implementation.cache_tag]))"
    done = subprocess.run([python, "-I", "-c", probe], capture_output=True, text=True, check=True)
    version, tag = json.loads(done.stdout)
    found = {name: _distribution(name) for name in _closure("pytest", version)} if not requirements else {}
    content = json.dumps([tag, _COMMANDS, sorted((name, d.version) for name, d in found.items()), *requirements])
    kept = cache_folder("swe") / f"tools-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=kept.parent) as scratch:
        folder = Path(scratch) / "tools"
        for distribution in found.values():
            _copy(distribution, folder / SITE.name)
        if requirements:
            pip(
                "install",
                "--no-deps",
                "--no-compile",
                "--target",
                str(folder / SITE.name),
                *requirements,
                python=python,
            )
        for name, command in _COMMANDS.items():
            script = folder / BIN.name / name
            script.parent.mkdir(exist_ok=True)
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)
        compiling = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder / SITE.name)]
        subprocess.run([python, "-I", *compiling], check=True, capture_output=True)
        for path in (folder, *folder.rglob("*")):  # whatever the umask here: another user reads it
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        if not kept.is_dir():  # another process may have been quicker
            folder.rename(kept)
    return kept


def _closure(name: str, version: str) -> set[str]:
    """Names of a distribution and of all that it needs under a version of Python."""
    from packaging.requirements import Requirement  # comes with pytest
    from packaging.utils import canonicalize_name

    minor = ".".join(version.split(".")[:2])
    there = {"python_version": minor, "python_full_version": version, "extra": "", "sys_platform": "linux"}
    if not Requirement(f"python{_distribution(name).metadata['Requires-Python']}").specifier.contains(version):
        raise ConfigError(
            f"the pytest {_distribution(name).version} that is installed here does not run on the host's Python "
            f"{version}, of which sandboxes are made: use sandbox='docker', or install an older pytest"
        )
    names, todo = set[str](), [name]
    while todo:
        names.add(current := todo.pop())
        for line in _distribution(current).requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate(there):
                todo += {canonicalize_name(needed.name)} - names
    return names


def _distribution(name: str) -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError(name, "swe") from None


def _copy(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    """Its modules, without scripts and what was compiled for the Python here."""
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts or file.suffix == ".so":
            continue
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)
