"""Bugs to be tried on a repository."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, combinations, zip_longest
from pathlib import PurePosixPath

from agentrl.envs.swe import layout, patches
from agentrl.envs.swe.bugs.planting import Module, Place
from agentrl.envs.swe.repository import Repository
from agentrl.errors import CorruptFileError

COMBINED = ("combine_file", "combine_module")
"""Two bugs in one file; in two files of one folder."""


@dataclass(frozen=True)
class Candidate:
    """A repository that may have a bug."""

    kind: str
    """The modifier that made it; `combine_file`, `combine_module` or `undo_commit`."""
    files: Mapping[str, bytes]
    """All of the repository, with the bug."""
    bug_patch: str
    """From the repository as it was."""
    places: tuple[Place, ...] = ()
    """Where modifiers planted it."""

    @cached_property
    def key(self) -> str:
        """8 hexadecimal digits, of the patch."""
        return hashlib.sha256(self.bug_patch.encode()).hexdigest()[:8]

    @classmethod
    def of(cls, repository: Repository, kind: str, files: Mapping[str, bytes], *places: Place) -> Candidate:
        return cls(kind, files, patches.diff(repository.files, files), places)


def procedural(repository: Repository, modifiers: Collection[str], seed: int) -> Iterator[Candidate]:
    """Single bugs, the modifiers in turns, the places of each in an order that the seed gives. None comes twice."""
    modules = [module for path in layout.source_paths(repository) if (module := _module(repository, path))]
    by_path = {module.path: module for module in modules}
    queues = []
    for modifier in sorted(modifiers):
        places = [place for module in modules for place in module.places(modifier)]
        random.Random(f"{seed}/{modifier}").shuffle(places)
        queues.append(places)
    seen = set()
    for place in filter(None, chain.from_iterable(zip_longest(*queues))):
        content = by_path[place.path].plant(place)
        if content is not None and (place.path, content) not in seen:
            seen.add((place.path, content))
            yield Candidate.of(repository, place.modifier, {**repository.files, place.path: content}, place)


def combined(
    repository: Repository, kept: Sequence[Candidate], kinds: Collection[str], seed: int
) -> Iterator[Candidate]:
    """Pairs of bugs that each break something: the kinds in turns, the pairs of each in the seed's order."""
    pairs = list(combinations([candidate for candidate in kept if len(candidate.places) == 1], 2))
    random.Random(seed).shuffle(pairs)
    queues = ([pair for pair in pairs if _kind(*pair) == kind] for kind in sorted(kinds))
    for first, second in filter(None, chain.from_iterable(zip_longest(*queues))):
        try:
            files = _with(repository, first.files, second.files)
        except CorruptFileError:  # both change the same lines
            continue
        yield Candidate.of(repository, _kind(first, second), files, *first.places, *second.places)


def planted(repository: Repository, kind: str, places: Sequence[Place]) -> Candidate:
    """The candidate with bugs at these places.

    Raises:
        ConfigError: the repository has no such place.
        CorruptFileError: one of its files is no Python source, or the bugs are in each other's way.
    """
    files = repository.files
    for place in places:
        content = _parsed(place.path, repository.files[place.path]).plant(place) or b""
        files = _with(repository, files, {**repository.files, place.path: content})
    return Candidate.of(repository, kind, files, *places)


def _with(repository: Repository, files: Mapping[str, bytes], others: Mapping[str, bytes]) -> dict[str, bytes]:
    """`files` with what `others` change of the repository. Little context lets bugs be near each other."""
    return patches.apply(files, patches.diff(repository.files, others, context=1))


def _kind(first: Candidate, second: Candidate) -> str:
    paths = [PurePosixPath(candidate.places[0].path) for candidate in (first, second)]
    if paths[0] == paths[1]:
        return "combine_file"
    return "combine_module" if paths[0].parent == paths[1].parent else ""


def _module(repository: Repository, path: str) -> Module | None:
    try:
        return _parsed(path, repository.files[path])
    except CorruptFileError:  # templates, and tests of parsers
        return None


@lru_cache(maxsize=64)
def _parsed(path: str, content: bytes) -> Module:
    return Module(path, content)
