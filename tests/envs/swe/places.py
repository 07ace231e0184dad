"""Tasks over the tiny library, and the kinds of sandboxes that this machine has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentrl.envs.swe import patches, store
from agentrl.envs.swe.instance import Instance, write_instances
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.toolbox import toolbox
from agentrl.errors import AgentRLError
from agentrl.sandboxes.images.catalog import IMAGES
from tests.conftest import lack
from tests.envs.swe.tiny import tiny

KINDS = ("process", "docker", "runsc")
REPOSITORY = tiny()
_TESTS = {
    "total": ("tests/test_counting.py::test_total_of_several",),
    "part": ("tests/test_counting.py::test_share_of_a_part", "tests/test_labels.py::test_label_in_per_cent"),
    "nothing": ("tests/test_counting.py::test_share_of_nothing",),
}
_ALL = (*sum(_TESTS.values(), ()), "tests/test_counting.py::test_total_of_none")


def _instance(name: str, old: str, new: str, *broken: str) -> Instance:
    files = REPOSITORY.files
    path = "tally/counting.py"
    bug = patches.diff(files, {**files, path: files[path].decode().replace(old, new).encode()})
    fails = sum((_TESTS[key] for key in broken), ())
    return Instance(
        instance_id=f"someone__tally.{REPOSITORY.commit[:8]}.{name}",
        repo=REPOSITORY.name,
        base_commit=REPOSITORY.commit,
        patch=patches.reverse(bug),
        problem_statement="The numbers are wrong.",
        FAIL_TO_PASS=fails,
        PASS_TO_PASS=tuple(test for test in _ALL if test not in fails),
        bug_patch=bug,
    )


INSTANCES: Mapping[str, Instance] = {
    "sum": _instance("op_change__1", "result += number", "result -= number", "total"),
    "zero": _instance("op_change__2", "whole == 0", "whole != 0", "part", "nothing"),
    "divide": _instance("op_change__3", "part / whole", "part * whole", "part"),
}


def need(kind: str) -> None:
    """Skip where this machine has no sandboxes of this kind; in CI they must be there."""
    try:
        if kind == "process":
            missing = "" if shutil.which("bwrap") else "bubblewrap is not installed"
        else:
            from agentrl.sandboxes.docker import DockerProvider

            client = DockerProvider().client
            missing = "" if client.images.list(IMAGES["swe"].tag) else "no image: agentrl images build swe"
            if kind == "runsc" and "runsc" not in client.info()["Runtimes"]:
                missing = "the engine has no runtime runsc"
            client.close()
    except AgentRLError as error:
        missing = str(error)
    if missing:
        lack(missing)


@contextmanager
def kept(folder: Path) -> Iterator[Path]:
    """A file of the instances, whose repository is in a cache of its own meanwhile."""
    tools = toolbox()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTRL_CACHE", str(folder))
        (folder / "swe").mkdir()
        (folder / "swe" / tools.name).symlink_to(tools)  # made once for all tests
        store.save(REPOSITORY)
        write_instances(folder / "tasks.jsonl", INSTANCES.values())
        yield folder / "tasks.jsonl"


def files(**changes: str) -> dict[str, bytes]:
    """Those of the repository; `changes` are of modules of `tally`."""
    return {**REPOSITORY.files, **{f"tally/{name}.py": text.encode() for name, text in changes.items()}}


__all__ = ["INSTANCES", "KINDS", "REPOSITORY", "Repository", "files", "kept", "need"]
