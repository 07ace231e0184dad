"""Bugs that were there before: what a commit repaired is broken again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agentrl.envs.swe import layout, patches
from agentrl.envs.swe.bugs.candidates import Candidate
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.sources import git
from agentrl.errors import CorruptFileError

UNDONE = "undo_commit"


def undone(repository: Repository, checkout: Path, *, commits: int = 200) -> Iterator[Candidate]:
    """The repository without what one of its latest commits did to the sources; the tests stay as they are.

    A commit that later ones have built upon cannot be undone by itself: it is left out. So are merges.

    Args:
        checkout: the one that the repository is from.
        commits: how many to look at, back from that of the repository.

    Raises:
        ConfigError: the checkout does not have the repository's commit.
    """
    sources = set(layout.source_paths(repository))
    seen = set()
    for commit in git(checkout, "log", "--no-merges", "--format=%H", f"-n{commits}", repository.commit).split():
        names = git(checkout, "show", "--format=", "--name-only", "--no-renames", "-z", commit).split("\0")
        if changed := sorted(name for name in names if name.endswith(".py") and not layout.is_test(name)):
            patch = git(
                checkout, "show", "--format=", "--no-renames", "--no-color", "--no-ext-diff", commit, "--", *changed
            )
            try:
                files = patches.apply(repository.files, patches.reverse(patch))
            except CorruptFileError:
                continue
            candidate = Candidate.of(repository, UNDONE, files)
            if sources & set(patches.touched(candidate.bug_patch)) and candidate.key not in seen:
                seen.add(candidate.key)
                yield candidate
