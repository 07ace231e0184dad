"""A repository at one commit, as plain files: what a sandbox is filled with."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repository:
    """The files of one commit, without history: no agent can look the fix up there."""

    name: str
    """`owner/name`."""
    commit: str
    """Hexadecimal, as `Instance.base_commit`."""
    files: Mapping[str, bytes]
    """Content by path relative to the root, e.g. `src/toolz/itertoolz.py`; regular files only."""
    executables: frozenset[str] = frozenset()
    """Paths that have the executable bit."""
    requirements: tuple[str, ...] = ()
    """All that must be installed for its tests, pytest among it, each as `name==version` (`needs.pinned`); empty where
    pytest is enough."""
    python_path: tuple[str, ...] = (".",)
    """Folders to put into PYTHONPATH, relative to the root, e.g. `src`."""
    test_paths: tuple[str, ...] = ("tests",)
    """What pytest is given to collect, relative to the root."""

    @property
    def key(self) -> str:
        """`owner__name.commit8`, for file names and image names."""
        return f"{self.name.replace('/', '__')}.{self.commit[:8]}"

    def archive(self) -> bytes:
        """All files as an uncompressed tar, the same bytes on every machine."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path in sorted(self.files):
                entry = tarfile.TarInfo(path)
                entry.size = len(self.files[path])
                entry.mode = 0o755 if path in self.executables else 0o644
                tar.addfile(entry, io.BytesIO(self.files[path]))
        return buffer.getvalue()


def content_hash(files: Mapping[str, bytes]) -> str:
    """A commit for sources that have none: 40 hexadecimal digits over paths and contents."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode() + files[path])
    return digest.hexdigest()
