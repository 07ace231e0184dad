"""Every package that an image holds, as wheels made outside of it: so that images build without a network."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from agentrl.errors import ConfigError, InfraError
from agentrl.sandboxes.images.engine import APIError, DockerClient, run

TOOLS = ("pip", "setuptools")
"""What installs the wheels inside the image; it is not in the finished one."""
_PASSED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "http_proxy", "https_proxy", "no_proxy")
_PROBE = (
    "import json, platform, sys; libc, version = platform.libc_ver(); "
    "print(json.dumps([list(sys.version_info[:2]), platform.machine(), libc, version]))"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What compiled code depends on."""

    python: tuple[int, int]
    machine: str
    libc: str
    libc_version: tuple[int, ...]

    @classmethod
    def of_host(cls) -> Target:
        return cls._parse(
            subprocess.run([sys.executable, "-c", _PROBE], check=True, capture_output=True, text=True).stdout
        )

    @classmethod
    def of_image(cls, engine: DockerClient, image: str) -> Target:
        """
        Raises:
            ConfigError: the image has no Python.
        """
        try:
            code, out = run(
                engine, image, ["-c", _PROBE], entrypoint="python3", network_mode="none", user="65534:65534"
            )
        except APIError as error:
            code, out = 127, str(error.explanation)
        if code:
            raise ConfigError(f"{image} cannot be a base image: its python3 does not run: {out.strip()}")
        return cls._parse(out)

    @classmethod
    def _parse(cls, text: str) -> Target:
        (major, minor), machine, libc, version = json.loads(text)
        return cls((major, minor), machine, libc, tuple(int(part) for part in version.split(".") if part))

    def runs_on(self, other: Target) -> bool:
        """Whether what is compiled here runs there: the same Python and processor with no older C library."""
        same = (self.python, self.machine, self.libc) == (other.python, other.machine, other.libc)
        return same and self.libc_version <= other.libc_version


def requirements(root: Path, extras: tuple[str, ...]) -> list[str]:
    """What the agentrl of a checkout needs with these extras, and the tools that install it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def expand(lines: list[str]) -> Iterator[str]:
        for line in lines:
            if own := re.fullmatch(r"agentrl\[(.+)\]", line):
                for extra in own[1].split(","):
                    yield from expand(project["optional-dependencies"][extra.strip()])
            else:
                yield line

    return sorted({*expand([*project["dependencies"], f"agentrl[{','.join(extras)}]"]), *TOOLS})


def wheelhouse(root: Path, wanted: list[str], target: Target, make: Callable[[Path, Path], None], cache: Path) -> Path:
    """A folder with wheels of all that is wanted, and `requirements.txt`; made anew only if something has changed.

    Args:
        root: the checkout.
        wanted: requirements, as pip takes them.
        target: what the wheels must run on.
        make: called with the constraints and the folder, puts the wheels for the folder's `requirements.txt` there.
        cache: where such folders are kept.
    """
    constraints = root / "constraints.txt"
    content = json.dumps([wanted, constraints.read_text(encoding="utf-8"), asdict(target)])
    kept = cache / hashlib.sha256(content.encode()).hexdigest()[:32]
    if kept.is_dir():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=cache) as scratch:
        folder = Path(scratch) / "wheels"
        folder.mkdir()
        (folder / "requirements.txt").write_text("\n".join(wanted) + "\n", encoding="utf-8")
        make(constraints, folder)
        if not kept.is_dir():  # another process may have been quicker
            folder.rename(kept)
    return kept


def make_here(constraints: Path, folder: Path) -> None:
    """Make the wheels with this Python's pip.

    Raises:
        InfraError: pip failed; the message has what it said last.
        ConfigError: there is no pip.
    """
    _pip()
    command = [sys.executable, "-m", "pip", *_wheel(str(constraints), str(folder))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise InfraError(f"pip could not make the wheels:\n{_last_lines(done.stderr)}")


def make_inside(engine: DockerClient, builder: str, ca_bundle: Path | None, constraints: Path, folder: Path) -> None:
    """Make the wheels in a container of the builder image, with the host's network.

    Args:
        ca_bundle: certificates that the host's network asks for, in PEM form.

    Raises:
        InfraError: pip failed; the message has what it said last.
        ConfigError: there is no pip.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    mounts = {
        str(folder): {"bind": "/wheels", "mode": "rw"},
        str(constraints): {"bind": "/constraints", "mode": "ro"},
        str(_pip()): {"bind": "/pip/pip", "mode": "ro"},  # pure Python, so the host's will do
    }
    if ca_bundle:
        mounts[str(ca_bundle.resolve())] = {"bind": "/ca.pem", "mode": "ro"}
        environment |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), "/ca.pem")
    code, out = run(
        engine,
        builder,
        ["-m", "pip", *_wheel("/constraints", "/wheels")],
        entrypoint="python3",
        environment={**environment, "HOME": "/tmp", "PYTHONPATH": "/pip"},
        volumes=mounts,
        user=f"{os.getuid()}:{os.getgid()}",
        network_mode="host",
    )
    if code:
        hint = "" if ca_bundle else "\nif certificates are the reason: --ca-bundle FILE"
        raise InfraError(f"pip could not make the wheels in a container of {builder}:\n{_last_lines(out)}{hint}")


def _pip() -> Path:
    """The folder of this Python's pip."""
    spec = importlib.util.find_spec("pip")
    if spec is None or not spec.origin:
        raise ConfigError(f"{sys.executable} has no pip, which makes the wheels: python -m ensurepip")
    return Path(spec.origin).parent


def _wheel(constraints: str, folder: str) -> list[str]:
    return [
        *("wheel", "--quiet", "--disable-pip-version-check", "--constraint", constraints),
        *("--wheel-dir", folder, "--requirement", f"{folder}/requirements.txt"),
    ]


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])
