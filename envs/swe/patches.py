"""Unified diffs as git makes and takes them: made from files, applied to files, turned around."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agentrl.errors import CorruptFileError, MissingExtraError

if TYPE_CHECKING:
    from unidiff.patch import Hunk, PatchedFile, PatchSet

_NOWHERE = "/dev/null"
_NO_NEWLINE = "\\ No newline at end of file\n"
_TURNED = {"+": "-", "-": "+"}


def diff(before: Mapping[str, bytes], after: Mapping[str, bytes], *, context: int = 3) -> str:
    """What turns `before` into `after`, "" if nothing; files whose content is the same are left out.

    Args:
        context: lines around each change.

    Raises:
        CorruptFileError: a changed file is not UTF-8.
    """
    return "".join(
        _diff_file(path, before.get(path), after.get(path), context)
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )


def apply(files: Mapping[str, bytes], patch: str) -> dict[str, bytes]:
    """`files` with `patch` applied. Every line must be found as it is; a hunk may stand elsewhere than it says.

    Raises:
        CorruptFileError: it is no diff, or does not apply; the message names the file and the line.
    """
    found = dict(files)
    for changed in _parse(patch):
        path = changed.path
        if _added(changed) == (path in found):
            raise CorruptFileError(path, "is there already" if path in found else "the patch changes it: no such file")
        lines = _lines(_text(path, found.pop(path, b"")))
        shift = 0  # how much longer the file has become above, and how far off the last hunk was
        for hunk in changed:
            old, new = _sides(hunk)
            said = max(hunk.source_start - 1, 0)
            if (at := _find(lines, old, said + shift)) is None:
                raise CorruptFileError(path, f"the patch does not apply: line {hunk.source_start} reads otherwise")
            lines[at : at + len(old)] = new
            shift = at - said + len(new) - len(old)
        if not _removed(changed):
            found[path] = "".join(lines).encode()
    return found


def reverse(patch: str) -> str:
    """The patch that takes `patch` back.

    Raises:
        CorruptFileError: it is no diff, or renames a file or changes a binary one.
    """
    return "".join(part for changed in _parse(patch) for part in _reverse_file(changed))


def touched(patch: str) -> tuple[str, ...]:
    """The files that a patch adds, changes or removes.

    Raises:
        CorruptFileError: as for `reverse`.
    """
    return tuple(changed.path for changed in _parse(patch))


def _diff_file(path: str, before: bytes | None, after: bytes | None, context: int) -> str:
    old, new = (_lines(_text(path, content or b"")) for content in (before, after))
    head = [f"diff --git a/{path} b/{path}\n"]
    if before is None:
        head.append("new file mode 100644\n")
    if after is None:
        head.append("deleted file mode 100644\n")
    names = _NOWHERE if before is None else f"a/{path}", _NOWHERE if after is None else f"b/{path}"
    body = difflib.unified_diff(old, new, *names, n=context)
    return "".join([*head, *(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in body)])


def _reverse_file(changed: PatchedFile) -> Iterator[str]:
    path, gone, came = changed.path, _removed(changed), _added(changed)
    yield f"diff --git a/{path} b/{path}\n"
    if gone or came:
        yield f"{'new' if gone else 'deleted'} file mode 100644\n"
    if not changed:  # an empty file
        return
    yield f"--- {_NOWHERE if gone else f'a/{path}'}\n+++ {_NOWHERE if came else f'b/{path}'}\n"
    for hunk in changed:
        yield f"@@ -{hunk.target_start},{hunk.target_length} +{hunk.source_start},{hunk.source_length} @@\n"
        yield from (f"{_TURNED.get(line.line_type, line.line_type)}{line.value}" for line in hunk)


def parse(patch: str) -> PatchSet:
    """The changes of each file, renames and binary files included.

    Raises:
        CorruptFileError: it is no diff.
    """
    try:
        from unidiff.errors import UnidiffParseError
        from unidiff.patch import PatchSet
    except ImportError as error:
        raise MissingExtraError("unidiff", "swe") from error
    try:
        found = PatchSet(patch)
    except UnidiffParseError as error:
        raise CorruptFileError("patch", f"no unified diff: {error}") from error
    if not found and patch.strip():
        raise CorruptFileError("patch", f"no unified diff: {patch!r:.80}")
    return found


def _parse(patch: str) -> PatchSet:
    found = parse(patch)
    for changed in found:
        if changed.is_rename or changed.is_binary_file:
            raise CorruptFileError(changed.path, "renamed or binary in the patch, which may change text alone")
    return found


# unidiff's own take an empty file that gets its first line for a new one
def _added(changed: PatchedFile) -> bool:
    return bool(changed.source_file == _NOWHERE)


def _removed(changed: PatchedFile) -> bool:
    return bool(changed.target_file == _NOWHERE)


def _sides(hunk: Hunk) -> tuple[list[str], list[str]]:
    """The lines before and after."""
    old: list[str] = []
    new: list[str] = []
    sides: tuple[list[str], ...] = ()
    for line in hunk:
        if line.line_type == "\\":
            for side in sides:
                side[-1] = side[-1].removesuffix("\n")
        else:
            sides = {"-": (old,), "+": (new,)}.get(line.line_type, (old, new))
            for side in sides:
                side.append(line.value)
    return old, new


def _find(lines: list[str], wanted: list[str], near: int) -> int | None:
    """Where they stand, the nearest place to `near`."""
    if not wanted:
        return min(near, len(lines))
    places = sorted(range(len(lines) - len(wanted) + 1), key=lambda at: abs(at - near))
    return next((at for at in places if lines[at : at + len(wanted)] == wanted), None)


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CorruptFileError(path, f"not UTF-8, so that no patch can say what changes: {error}") from error


def _lines(text: str) -> list[str]:
    """As git counts them: form feeds and carriage returns end none."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
