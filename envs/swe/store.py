"""Repositories kept on this machine, so that an instance finds the one it starts from."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

from agentrl import files
from agentrl.envs.swe import shipped
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.repository import Repository
from agentrl.errors import ConfigError, CorruptFileError

_ABOUT = "repository.json"
_FIELDS = ("requirements", "python_path", "test_paths")


def cache_folder() -> Path:
    """`$AGENTRL_CACHE/swe`, by default `~/.cache/agentrl/swe`."""
    return files.cache_folder("swe")


def save(repository: Repository) -> Path:
    """Keep a repository; returns its file.

    Raises:
        ConfigError: the cache cannot be written.
    """
    path = _file(repository.key)
    about = {"name": repository.name, "commit": repository.commit, "executables": sorted(repository.executables)}
    about |= {field: list(getattr(repository, field)) for field in _FIELDS}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent)  # a name of its own: others may save the same
        with open(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_ABOUT, json.dumps(about))
            for name in sorted(repository.files):
                archive.writestr(f"files/{name}", repository.files[name])
        os.replace(partial, path)
    except OSError as error:
        raise ConfigError(f"cannot keep {repository.key} ({error}); set AGENTRL_CACHE to a writable folder") from error
    _load.cache_clear()
    return path


def find(instance: Instance) -> Repository:
    """The repository that an instance starts from, without its bug.

    Raises:
        ConfigError: it is not on this machine; the message says how to get it here.
        CorruptFileError: its file is damaged.
    """
    repository = _lookup(instance)
    if repository is None:
        raise ConfigError(
            f"{instance.instance_id} starts from {instance.repo} at {instance.base_commit[:12]}, which is not here: "
            "make the instances anew with `agentrl swe build`, or bring the repository with "
            f"`agentrl swe import FILE --repo {instance.repo}=PATH`"
        )
    return repository


def has(instance: Instance) -> bool:
    """Whether `find` finds it.

    Raises:
        CorruptFileError: as for `find`.
    """
    return _lookup(instance) is not None


def _lookup(instance: Instance) -> Repository | None:
    owner, _, name = instance.repo.partition("/")
    if owner == shipped.OWNER and name in shipped.names():
        repository: Repository | None = shipped.load(name)
    else:
        repository = _load(f"{instance.repo.replace('/', '__')}.{instance.base_commit[:8]}")
    return repository if repository and repository.commit == instance.base_commit else None


@lru_cache(maxsize=64)
def _load(key: str) -> Repository | None:
    path = _file(key)
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(_ABOUT))
            content = {name.removeprefix("files/"): archive.read(name) for name in archive.namelist() if name != _ABOUT}
        return Repository(
            about["name"],
            about["commit"],
            content,
            frozenset(about["executables"]),
            **{field: tuple(about[field]) for field in _FIELDS},
        )
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CorruptFileError(path, f"no repository that was kept here: {error!r}; remove it") from error


def _file(key: str) -> Path:
    return cache_folder() / "repositories" / f"{key}.zip"
