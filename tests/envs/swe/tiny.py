"""A library of a dozen lines with tests and a history, to be broken."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from agentrl.envs.swe.repository import Repository, content_hash
from agentrl.envs.swe.workshop import workshop
from tests.conftest import lack

COUNTING = """\
def total(numbers):
    result = 0
    for number in numbers:
        result += number
    return result


def share(part, whole):
    if whole == 0:
        return 0.0
    return part / whole
"""
FILES = {
    "README.md": b"# tally\n",
    "tally/__init__.py": b"",
    "tally/counting.py": COUNTING.encode(),
    "tally/labels.py": b"from tally.counting import share\n\n\ndef label(part, whole):\n"
    b'    return f"{round(100 * share(part, whole))} %"\n',
    "tests/test_counting.py": b"from tally.counting import share, total\n\n\n"
    b"def test_total_of_several():\n    assert total([1, 2, 3]) == 6\n\n\n"
    b"def test_total_of_none():\n    assert total([]) == 0\n\n\n"
    b"def test_share_of_a_part():\n    assert share(1, 4) == 0.25\n\n\n"
    b"def test_share_of_nothing():\n    assert share(1, 0) == 0.0\n",
    "tests/test_labels.py": b"from tally.labels import label\n\n\n"
    b'def test_label_in_per_cent():\n    assert label(1, 4) == "25 %"\n',
}


def tiny(**changes: bytes) -> Repository:
    """The library. `changes` are further files, `__` for `/` and `_py` for `.py`."""
    files = FILES | {name.replace("__", "/").replace("_py", ".py"): content for name, content in changes.items()}
    return Repository("someone/tally", content_hash(files), files)


def need_processes() -> None:
    """Skip without bubblewrap; in CI it must be there. Sandboxes are made ready while the cache is still the user's."""
    if shutil.which("bwrap") is None:
        lack("bubblewrap is not installed")

    async def ready() -> None:
        await (await workshop().acquire("process")).close()

    workshop().call(ready())


def checkout(folder: Path) -> Path:
    """A git checkout of the library with three commits; the last mends `share`, and nobody has changed it since."""
    before = COUNTING.replace("    if whole == 0:\n        return 0.0\n", "").encode()
    commits = [
        ("Count", FILES | {"tally/counting.py": before}),
        ("Share nothing", FILES),
        ("Say what it is", FILES | {"README.md": b"# tally\n\nCounts.\n"}),
    ]
    folder.mkdir()
    run(folder, "init", "-q")
    for message, files in commits:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to("/etc/passwd")
        run(folder, "add", "-A")
        run(folder, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", message)
    return folder


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
