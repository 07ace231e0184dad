"""Repositories from checkouts and source distributions, without executing anything of them; and where they are kept."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentrl.envs.swe import layout, store
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.sources import from_git, from_package
from agentrl.errors import ConfigError, CorruptFileError, InfraError
from tests.conftest import require
from tests.envs.swe.tiny import FILES, checkout, run, tiny

require("unearth")

from unearth import BestMatch, PackageFinder


def test_a_checkout_is_read_as_it_was_committed(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "tally")
    (folder / "tally" / "uncommitted.py").write_text("x = 1\n")
    (folder / ".git" / "info" / "attributes").write_text("tests export-ignore\n*.py eol=crlf\n")
    repository = from_git(folder, "HEAD~1")
    assert from_git(folder / "tally", "HEAD~1") == repository
    assert repository.files == {**FILES, "run.sh": b"#!/bin/sh\n"}  # and no link
    assert repository.executables == {"run.sh"}
    assert repository.commit == run(folder, "rev-parse", "HEAD~1")
    assert (repository.name, repository.python_path, repository.test_paths) == ("local/tally", (".",), ("tests",))


@pytest.mark.parametrize("url", ["https://example.com/someone/tally.git", "git@example.com:someone/tally"])
def test_the_remote_names_it(tmp_path: Path, url: str) -> None:
    folder = checkout(tmp_path / "here")
    run(folder, "remote", "add", "origin", url)
    assert from_git(folder).name == "someone/tally"


def test_what_is_wrong_with_a_checkout_is_told(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "tally")
    with pytest.raises(ConfigError, match="no revision 'v9'"):
        from_git(folder, "v9")
    with pytest.raises(ConfigError, match="no such folder"):
        from_git(tmp_path / "nowhere")
    (tmp_path / "plain").mkdir()
    with pytest.raises(ConfigError, match="not a git repository"):
        from_git(tmp_path / "plain")
    run(folder, "rm", "-qr", "tests")
    run(folder, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "No tests")
    with pytest.raises(ConfigError, match="no tests for pytest"):
        from_git(folder)


def tarball(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for entry in more:
            tar.addfile(entry)
    return buffer.getvalue()


Index = Callable[[str, bytes, bytes], None]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A package index; call it with a file name, its content, and what its hash is made of."""
    root = tmp_path / "index"

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    def add(name: str, content: bytes, hashed: bytes) -> None:
        page = root / "simple" / "tally" / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        link = f'<a href="/{name}#sha256={hashlib.sha256(hashed).hexdigest()}">{name}</a>'
        page.write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield add
        server.shutdown()


SDIST = {f"tally-1.0/{path}": content for path, content in FILES.items()}


def test_a_source_distribution_is_unpacked_and_nothing_of_it_runs(index: Index, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n".encode()
    link = tarfile.TarInfo("tally-1.0/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive = tarball({**SDIST, "tally-1.0/setup.py": trap}, link)
    index("tally-1.0.tar.gz", archive, archive)
    repository = from_package("Tally==1.0")
    assert repository.files == {**FILES, "setup.py": trap}
    assert (repository.name, repository.test_paths) == ("pypi/tally", ("tests",))
    assert len(repository.commit) == 40
    assert not (tmp_path / "ran").exists()


def test_a_zip_will_do(index: Index) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in SDIST.items():
            file.writestr(name, content)
    index("tally-1.0.zip", buffer.getvalue(), buffer.getvalue())
    assert from_package("tally==1.0").files == FILES


@pytest.mark.parametrize(
    ("archive", "hashed", "error", "reason"),
    [
        (tarball({**SDIST, "tally-1.0/../../etc/x.py": b""}), None, CorruptFileError, "leads out"),
        (tarball({"tally-1.0/tally.py": b""}), None, ConfigError, "no tests for pytest"),
        (tarball(SDIST), b"something else", CorruptFileError, "Hash mismatch"),
        (b"no archive", None, CorruptFileError, "cannot be unpacked"),
    ],
    ids=["leads out", "no tests", "hash", "damaged"],
)
def test_a_bad_distribution_is_refused(
    index: Index, archive: bytes, hashed: bytes | None, error: type[Exception], reason: str
) -> None:
    index("tally-1.0.tar.gz", archive, hashed or archive)
    with pytest.raises(error, match=reason):
        from_package("tally==1.0")


def test_other_versions_and_wheels_are_not_taken(index: Index) -> None:
    index("tally-1.0-py3-none-any.whl", b"", b"")
    with pytest.raises(ConfigError, match=r"no source distribution of tally==1\.0"):
        from_package("tally==1.0")
    with pytest.raises(ConfigError, match="write it as"):
        from_package("tally>=1.0")


def test_an_index_that_is_not_there_is_no_mistake_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    with pytest.raises(InfraError, match=rf":{port}/simple cannot be reached for tally==1\.0"):
        from_package("tally==1.0")


def test_without_an_index_in_the_settings_of_pip_the_finder_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    asked: list[list[str]] = []

    class Finder(PackageFinder):
        def __init__(self, *, index_urls: list[str], **options: Any) -> None:
            asked.append(index_urls)
            super().__init__(index_urls=index_urls, **options)

        def find_best_match(self, requirement: Any, *_: Any, **__: Any) -> BestMatch:
            assert self.sources  # its own
            return BestMatch(None, [], [])

    monkeypatch.setattr("unearth.PackageFinder", Finder)
    with pytest.raises(ConfigError, match=r"^the package index has no source distribution of tally==1\.0$"):
        from_package("tally==1.0")
    assert asked == [[]]


@pytest.mark.parametrize(
    ("files", "path", "tests", "sources"),
    [
        (["a/__init__.py", "a/b.py", "tests/test_b.py", "setup.py"], (".",), ("tests",), ["a/__init__.py", "a/b.py"]),
        (["src/a/__init__.py", "test/unit/test_a.py", "docs/conf.py"], ("src",), ("test",), ["src/a/__init__.py"]),
        (["a.py", "test_a.py", "conftest.py"], (".",), ("test_a.py",), ["a.py"]),
        (["a.py", "tests.py"], (".",), ("tests.py",), ["a.py"]),
        (["a/__init__.py", "a/tests/test_x.py", "a/x.py"], (".",), ("a/tests",), ["a/__init__.py", "a/x.py"]),
        (["a/__init__.py", "examples/test_demo.py"], (".",), (), ["a/__init__.py"]),
    ],
)
def test_layouts(files: list[str], path: tuple[str, ...], tests: tuple[str, ...], sources: list[str]) -> None:
    repository = tiny()
    assert layout.python_path(files) == path
    assert layout.test_paths(files) == tests
    found = type(repository)("a/b", "0", dict.fromkeys(files, b""), python_path=path, test_paths=tests)
    assert list(layout.source_paths(found)) == sources


def test_what_is_kept_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path))
    repository = from_git(checkout(tmp_path / "tally"), name="someone/tally")
    instance = Instance("i", "someone/tally", repository.commit, "", "", (), ())
    with pytest.raises(ConfigError, match=r"agentrl swe import FILE --repo someone/tally=PATH"):
        store.find(instance)
    file = store.save(repository)
    assert file.is_relative_to(tmp_path)
    assert store.has(instance)
    assert store.find(instance) == repository
    other = Instance("i", "someone/tally", repository.commit[:8] + "0" * 32, "", "", (), ())
    assert not store.has(other)  # the same file name
    file.write_bytes(b"no zip")
    store._load.cache_clear()
    with pytest.raises(CorruptFileError, match="remove it"):
        store.find(instance)
