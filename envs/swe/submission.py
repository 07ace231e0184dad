"""What counts of a submitted diff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentrl.envs.swe import patches
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.screening import Flag, screen_path
from agentrl.errors import CorruptFileError

if TYPE_CHECKING:
    from unidiff.patch import PatchedFile


@dataclass(frozen=True, slots=True)
class Submission:
    """The files that come of it."""

    files: Mapping[str, bytes]
    flags: tuple[Flag, ...] = ()
    dropped: tuple[str, ...] = ()
    error: str = ""
    """Why it was not applied; `files` are those of the start then."""


def take(start: Mapping[str, bytes], diff: str, repository: Repository) -> Submission:
    """Apply to `start` what a diff has on source files; flag or drop the rest, file by file."""
    flags: list[Flag] = []
    dropped: list[str] = []
    kept: list[str] = []
    try:
        for changed in patches.parse(diff):
            verdicts = [screen_path(path, repository, new=path not in start) for path in _names(changed)]
            flags += (verdict for verdict in verdicts if isinstance(verdict, Flag))
            if changed.is_symlink or changed.is_submodule:
                flags.append(Flag("link", changed.path))
            elif changed.is_binary_file and False not in verdicts:
                flags.append(Flag("binary", changed.path))
            elif all(verdict is True for verdict in verdicts):
                kept.append(str(changed))
                continue
            dropped.append(changed.path)
        files = patches.apply(start, "".join(kept))
    except CorruptFileError as error:
        return Submission(start, tuple(flags), tuple(dropped), str(error))
    return Submission(files, tuple(flags), tuple(dropped))


def _names(changed: PatchedFile) -> set[str]:
    """Before and after."""
    return {
        name[2:] if name.startswith(("a/", "b/")) else name
        for name in (changed.source_file, changed.target_file)
        if name != "/dev/null"
    }
