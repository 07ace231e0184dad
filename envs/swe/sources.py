"""Where repositories come from: a git checkout, a source distribution. Nothing of either is executed here."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from agentrl.envs.swe import layout
from agentrl.envs.swe.repository import Repository, content_hash
from agentrl.errors import ConfigError, CorruptFileError, InfraError, MissingExtraError
from agentrl.sandboxes.spec import MiB

_MAX_BYTES = 256 * MiB
"""Of an unpacked archive."""

_Member = tuple[str, bool, bytes]
"""Path, whether it is executable, content."""


def from_git(path: Path, revision: str = "HEAD", *, name: str = "") -> Repository:
    """The files of one commit of a local checkout; what is not committed is not in it.

    Args:
        name: `owner/name`; by default that of the remote `origin`, or `local/` and the name of the folder.

    Raises:
        ConfigError: it is no checkout, the revision is unknown, or the commit holds no tests for pytest.
    """
    wrong = f"no revision {revision!r}"
    commit = git(path, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", wrong=wrong).strip()
    return _repository(name or _name(path), commit, _blobs(path, commit), where=f"{path} at {revision}")


def from_package(requirement: str) -> Repository:
    """The source distribution of one version of a package, `toolz==1.0.0`, from the index that pip is set up for.

    pip itself builds what it downloads, and runs its `setup.py` for that; here the archive is fetched, compared with
    the index's hash, and unpacked.

    Raises:
        ConfigError: it is no `NAME==VERSION`, there is no such source distribution, or it holds no tests for pytest.
        InfraError: the index cannot be reached.
        CorruptFileError: the archive is damaged, or not what the index says.
    """
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([\w.!+-]+)", requirement)
    if not match:
        raise ConfigError(f"{requirement!r} does not name one version of a package: write it as 'toolz==1.0.0'")
    filename, archive = _fetch(requirement)
    try:
        members = list(_unzip(archive) if filename.endswith(".zip") else _untar(archive))
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise CorruptFileError(filename, f"cannot be unpacked: {error}") from error
    files = [("/".join(PurePosixPath(path).parts[1:]), executable, content) for path, executable, content in members]
    commit = content_hash({path: content for path, _, content in files})
    return _repository(f"pypi/{match[1].lower()}", commit, files, where=filename)


def git(path: Path, *arguments: str, wrong: str = "") -> str:
    """What git says.

    Args:
        wrong: what it means if git refuses; by default git's own words.

    Raises:
        ConfigError: git refuses; the message tells the folder.
    """
    return _run_git(path, *arguments, wrong=wrong).decode(errors="replace")


def _run_git(path: Path, *arguments: str, stdin: bytes = b"", wrong: str = "") -> bytes:
    if not path.is_dir():
        raise ConfigError(f"{path}: no such folder")
    inside = subprocess.run(["git", "-C", path, "rev-parse", "--git-dir"], capture_output=True)
    if inside.returncode:
        raise ConfigError(f"{path}: {inside.stderr.decode(errors='replace').strip() or 'no git checkout'}")
    done = subprocess.run(["git", "-C", path, *arguments], input=stdin, capture_output=True)
    if done.returncode:
        raise ConfigError(f"{path}: {wrong or done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _blobs(path: Path, commit: str) -> Iterator[_Member]:
    """The regular files of a commit, byte for byte: `git archive` would leave some out and fill in others."""
    listing = _run_git(path, "ls-tree", "-r", "-z", "--full-tree", commit)
    entries = re.findall(rb"(100644|100755) blob ([0-9a-f]+)\t([^\0]+)\0", listing)
    answer = io.BytesIO(_run_git(path, "cat-file", "--batch", stdin=b"".join(sha + b"\n" for _, sha, _ in entries)))
    for mode, _, name in entries:
        size = int(answer.readline().split()[2])
        yield name.decode(), mode == b"100755", answer.read(size)
        answer.read(1)


def _name(path: Path) -> str:
    done = subprocess.run(["git", "-C", path, "remote", "get-url", "origin"], capture_output=True, text=True)
    match = re.search(r"([\w.-]+)/([\w.-]+?)(\.git)?/?$", done.stdout.strip())
    return f"{match[1]}/{match[2]}" if match else f"local/{path.resolve().name}"


def _repository(name: str, commit: str, members: Iterable[tuple[str, bool, bytes]], where: str) -> Repository:
    members = list(members)
    for path, _, _ in members:
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise CorruptFileError(where, f"holds a path that leads out of it: {path!r}")
    files = {path: content for path, _, content in members}
    tests = layout.test_paths(files)
    if not tests:
        raise ConfigError(f"{where}: no tests for pytest in it (no test_*.py), so that nothing tells a bug")
    return Repository(
        name,
        commit,
        files,
        executables=frozenset(path for path, executable, _ in members if executable),
        python_path=layout.python_path(files),
        test_paths=tests,
    )


def _fetch(requirement: str) -> tuple[str, bytes]:
    """Name and content of a source distribution."""
    try:
        import httpx2
        from unearth import PackageFinder
        from unearth.errors import UnpackError
    except ImportError as error:
        raise MissingExtraError("unearth", "swe") from error
    indexes = _indexes()
    named = indexes[0] if indexes else "the package index"
    finder = PackageFinder(index_urls=indexes, no_binary=[":all:"])
    with tempfile.TemporaryDirectory() as folder:
        try:
            best = finder.find_best_match(requirement).best
            if best is None:
                raise ConfigError(f"{named} has no source distribution of {requirement}")
            hashes = {kind: [value] for kind, value in (best.link.hashes or {}).items()}
            file = finder.download(best.link, folder, hashes or None)
            return file.name, file.read_bytes()
        except UnpackError as error:
            raise CorruptFileError(requirement, str(error)) from error
        except httpx2.HTTPError as error:
            raise InfraError(f"{named} cannot be reached for {requirement}: {error}") from error


def _indexes() -> list[str]:
    """The index of pip's own settings; none where it has the default one."""
    if url := os.environ.get("PIP_INDEX_URL"):
        return [url]
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True)
    return [asked.stdout.decode().strip()] if asked.returncode == 0 else []


def _untar(archive: bytes) -> Iterator[_Member]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        left = _MAX_BYTES
        for entry in tar:
            if entry.isfile():  # neither links nor devices
                left = _within(left - entry.size)
                content = tar.extractfile(entry)
                assert content
                yield entry.name, bool(entry.mode & 0o100), content.read()


def _unzip(archive: bytes) -> Iterator[_Member]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        left = _MAX_BYTES
        for entry in file.infolist():
            if not entry.is_dir():
                left = _within(left - entry.file_size)
                yield entry.filename, False, file.read(entry)


def _within(left: int) -> int:
    if left < 0:
        raise OSError(f"more than {_MAX_BYTES:,} bytes")
    return left
