"""Folders to a stream and back: how the files of a sandbox get into another."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from typing import IO, Any

from agentrl.sandboxes.agent.frames import CHUNK


def pack(out: IO[bytes], roots: Sequence[str]) -> None:
    """Write all below some folders as a tar stream. Sockets are left out."""

    def add(path: str) -> None:
        info = tar.gettarinfo(path, path.lstrip("/"))
        if info is None:
            return  # a socket
        hidden = (info.isdir() and info.mode & 0o500 != 0o500) or (info.isreg() and not info.mode & 0o400)
        if hidden:
            os.chmod(path, info.mode | 0o700)
        try:
            if info.isreg():
                with open(path, "rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
            if info.isdir():
                add_all(path)
        finally:
            if hidden:
                os.chmod(path, info.mode)
        tar.members = []  # else they gather

    def add_all(folder: str) -> None:
        for name in sorted(os.listdir(folder)):
            add(os.path.join(folder, name))

    tar: Any  # typeshed knows neither `members` nor that `gettarinfo` may give None
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for root in roots:
            add_all(root)


def unpack(source: IO[bytes], roots: Sequence[str]) -> None:
    """Replace all below some folders by what `pack` wrote."""
    for root in roots:
        for entry in os.scandir(root):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    folders: list[tarfile.TarInfo] = []
    tar: Any
    with tarfile.open(fileobj=source, mode="r|", bufsize=CHUNK) as tar:
        # No filter: the stream can do in here what any command can, and modes and links are to come out as they were.
        tar.extraction_filter = tarfile.fully_trusted_filter if hasattr(tarfile, "fully_trusted_filter") else None
        for member in tar:
            tar.extract(member, "/", set_attrs=not member.isdir())
            if member.isdir():
                folders.append(member)
            tar.members = []
    for folder in reversed(folders):  # last, for its mode may forbid to write into it
        os.chmod("/" + folder.name, folder.mode)
        os.utime("/" + folder.name, (folder.mtime, folder.mtime))
