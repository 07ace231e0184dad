"""Files of ours on the host: one private folder for each owner, which goes when the owner does."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agentrl.errors import ConfigError
from agentrl.sandboxes.lease import Owner


def root() -> Path:
    """The folder of all owners, which only this user may enter.

    Raises:
        ConfigError: it belongs to somebody else.
    """
    folder = Path(tempfile.gettempdir()) / f"agentrl-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o170077 != 0o040000:
        raise ConfigError(f"{folder} must be a folder of this user that no other may enter: remove it")
    return folder


def own() -> Path:
    """The folder of this process."""
    folder = root() / str(Owner.this())
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def sweep() -> None:
    """Remove what dead owners left."""
    for owner, folder in owners(root()):
        if owner.dead:
            shutil.rmtree(folder, ignore_errors=True)  # another process may be at it as well


def owners(folder: Path) -> Iterator[tuple[Owner, Path]]:
    """Folders that are named after an owner."""
    for path in folder.iterdir():
        try:
            owner = Owner.parse(path.name)
        except ValueError:
            continue
        yield owner, path
