"""What an image is built from, as one archive that depends on nothing but the content of its files."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOMS = ("agentrl", "sandboxes", "envs", "agents", "trainers")
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", *ROOMS)


def context(out: IO[bytes], folder: Path, *, wheels: Path | None = None, sources: Path | None = None) -> None:
    """Write the archive.

    Args:
        folder: that of the Dockerfile; its files, and those it links to, stand at the top of the archive.
        wheels: a wheelhouse, for `wheels/`.
        sources: a checkout, whose packages go to `src/`.
    """
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path in _files(folder):  # where a link stands for a file that images have in common
            archive.add(path.resolve(), str(path.relative_to(folder)), recursive=False, filter=_plain)
        for path in _files(wheels) if wheels else ():
            archive.add(path, f"wheels/{path.name}", recursive=False, filter=_plain)
        for name in _SOURCES if sources else ():
            assert sources
            for path in _files(sources / name):
                archive.add(path, f"src/{path.relative_to(sources)}", recursive=False, filter=_plain)


def _files(path: Path) -> Iterator[Path]:
    """The files below, links as links, in a fixed order."""
    if path.is_symlink() or path.is_file():
        yield path
    elif path.name != "__pycache__":
        for child in sorted(path.iterdir()):
            yield from _files(child)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry
