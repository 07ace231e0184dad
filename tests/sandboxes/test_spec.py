"""The sandbox contract as data: what a spec accepts, and what a result says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.sandboxes import Completed, SandboxSpec


def test_the_defaults_are_small_and_closed() -> None:
    spec = SandboxSpec("python:3.12-slim")
    assert spec.network == "none"
    assert (spec.cpu, spec.memory, spec.pids, spec.disk) == (1.0, 2**31, 256, 2**30)
    assert spec.writable == ("/workspace", "/tmp")
    assert not spec.writable_root
    assert spec.deadline_s <= spec.lifetime_s
    assert spec.setup == ()


@pytest.mark.parametrize(
    "image", ["alpine", "ghcr.io/org/name:1.0", "localhost:5000/a_b@sha256:0f", "python:3.12-slim"]
)
def test_image_names_pass(image: str) -> None:
    assert SandboxSpec(image).image == image


@pytest.mark.parametrize("image", ["", "-rf", "--privileged", "a b", "a;rm", "Alpine", "a\n", "../x"])
def test_what_could_be_an_option_or_a_command_is_no_image(image: str) -> None:
    with pytest.raises(ConfigError, match="is no image name"):
        SandboxSpec(image)


@pytest.mark.parametrize("name", ["cpu", "memory", "pids", "disk", "lifetime_s", "deadline_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_every_limit_is_positive_and_finite(name: str, value: float) -> None:
    limits: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} of a sandbox must be positive"):
        SandboxSpec("alpine", **limits)


def test_a_deadline_beyond_the_lifetime_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"deadline_s \(60\) is longer than lifetime_s \(30\)"):
        SandboxSpec("alpine", deadline_s=60, lifetime_s=30)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="'none' or 'full', not 'host'"):
        SandboxSpec("alpine", network="host")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "folders", [(), ("work",), ("/",), ("/workspace/",), ("/../etc",), ("/a b",), ("/a,b",), ("/a:b",)]
)
def test_writable_folders_are_plain_absolute_paths(folders: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="absolute paths, at least one"):
        SandboxSpec("alpine", writable=folders)


def test_files_in_memory_must_leave_some_of_it() -> None:
    with pytest.raises(ConfigError, match=r"disk \(1,024 bytes\) must be less than memory \(1,024 bytes\)"):
        SandboxSpec("alpine", memory=1024, disk=1024)
    assert SandboxSpec("alpine", memory=1024, disk=1024, writable_root=True).disk == 1024


@given(st.floats(0.1, 64), st.integers(2, 2**40), st.integers(1, 10_000))
def test_valid_limits_are_kept_as_they_are(cpu: float, memory: int, pids: int) -> None:
    spec = SandboxSpec("alpine", cpu=cpu, memory=memory, pids=pids, disk=1)
    assert (spec.cpu, spec.memory, spec.pids) == (cpu, memory, pids)
    assert dataclasses.replace(spec) == spec
    assert hash(spec) == hash(dataclasses.replace(spec))


@pytest.mark.parametrize(
    ("exit_code", "ok", "timed_out"), [(0, True, False), (1, False, False), (137, False, False), (None, False, True)]
)
def test_completed_tells_success_failure_and_time_limit_apart(exit_code: int | None, ok: bool, timed_out: bool) -> None:
    done = Completed(exit_code, b"", b"", 0.1)
    assert (done.ok, done.timed_out) == (ok, timed_out)
