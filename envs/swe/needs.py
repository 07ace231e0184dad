"""What the tests of a project need beside pytest: as its metadata say, and as pip resolves that. Nothing of it runs."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentrl.errors import ConfigError, CorruptFileError

_FOR_TESTS = ("test", "tests", "testing")
"""Names of extras and groups; `dev` is taken where there is none of them."""

Group = Sequence[str | Mapping[str, str]]
"""Requirements, and `{"include-group": NAME}`."""


def declared(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What a project says that it and its tests need, as pip takes it: in `[project]` and `[dependency-groups]` of
    `pyproject.toml`, and in `setup.cfg`. What `setup.py` computes is not among it.

    Raises:
        CorruptFileError: the files cannot be read, or name no requirements.
    """
    try:
        toml = tomllib.loads(files.get("pyproject.toml", b"").decode())
        cfg = configparser.RawConfigParser()
        cfg.read_string(files.get("setup.cfg", b"").decode())
        return tuple(dict.fromkeys(_declared(toml, cfg)))
    except (ValueError, KeyError, TypeError, configparser.Error) as error:
        raise CorruptFileError("pyproject.toml, setup.cfg", f"do not tell what the tests need: {error!r}") from error


def pinned(requirements: Sequence[str]) -> tuple[str, ...]:
    """All that pip would install for these and pytest, each in one version: `name==version`; none for none.

    Raises:
        ConfigError: they cannot be had together as wheels; the message has what pip says.
    """
    if not requirements:
        return ()
    pytest = f"pytest=={importlib.metadata.version('pytest')}"
    report = pip("install", "--dry-run", "--ignore-installed", "--report", "-", pytest, *requirements)
    found = (one["metadata"] for one in json.loads(report)["install"])
    return tuple(sorted(f"{one['name']}=={one['version']}" for one in found))


def pip(*arguments: str, python: str = "") -> str:
    """What pip prints. It takes wheels alone: others would execute their code here.

    Args:
        python: the interpreter to install for; by default the one that runs this.

    Raises:
        ConfigError: it fails; the message has what it says.
    """
    target = ["--python", python] if python else []
    command = [sys.executable, "-m", "pip", *target, "--quiet", *arguments, "--only-binary", ":all:"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ConfigError(f"what the tests need cannot be installed as wheels:\n{said}")
    return done.stdout


def _declared(toml: Mapping[str, Any], cfg: configparser.RawConfigParser) -> Iterator[str]:
    from packaging.requirements import Requirement  # comes with pytest
    from packaging.utils import canonicalize_name

    project = toml.get("project", {})
    own = canonicalize_name(project.get("name") or cfg.get("metadata", "name", fallback=""))
    extras: dict[str, Group] = dict(project.get("optional-dependencies", {}))
    if cfg.has_section("options.extras_require"):
        extras |= {name: text.split("\n") for name, text in cfg.items("options.extras_require")}

    def expand(lines: Group, groups: Mapping[str, Group]) -> Iterator[str]:
        if isinstance(lines, str):
            raise TypeError(f"{lines!r} is no list")
        for line in lines:
            if not isinstance(line, str):
                yield from expand(groups[line["include-group"]], groups)
            elif line.strip():
                needed = Requirement(line)
                if canonicalize_name(needed.name) != own:
                    yield line.strip()
                for extra in needed.extras if canonicalize_name(needed.name) == own else ():
                    yield from expand(extras[extra], groups)

    yield from expand(project.get("dependencies", []), {})
    yield from expand(cfg.get("options", "install_requires", fallback="").split("\n"), {})
    for groups in (extras, toml.get("dependency-groups", {})):
        for name in [name for name in groups if name in _FOR_TESTS] or [name for name in groups if name == "dev"]:
            yield from expand(groups[name], groups)
