"""What an environment answers to a list of actions, in a form that can be compared, here or in another process.

`python -m agentrl.envs.trace` reads a job from stdin (`Job` as JSON) and prints the trace as its last line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from agentrl.errors import InfraError

_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer of an environment: to `reset` (reward 0) or to a step."""

    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: str
    """As JSON with sorted keys."""

    @property
    def done(self) -> bool:
        return self.terminated or self.truncated


@dataclass(frozen=True, slots=True)
class Job:
    """Play `actions` on `task` of a new environment."""

    spec: str
    """`EnvSpec.to_json()`: enough to make the environment in a process that never heard of its id."""
    kwargs: dict[str, Any]
    task: str
    actions: list[str]


def start(env: gym.Env[Any, Any], task: str) -> Seen:
    """Reset to a task."""
    observation, info = env.reset(options={"task": task})
    return Seen(observation, 0.0, False, False, _as_json(info))


def play(env: gym.Env[Any, Any], actions: Iterable[str]) -> list[Seen]:
    """Take actions until they or the episode end."""
    trace: list[Seen] = []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        trace.append(Seen(observation, float(reward), terminated, truncated, _as_json(info)))
        if trace[-1].done:
            break
    return trace


def difference(expected: Sequence[Seen], found: Sequence[Seen]) -> str:
    """The first difference between two traces in words, "" if there is none."""
    for step, (a, b) in enumerate(zip(expected, found, strict=False)):
        for field in dataclasses.fields(Seen):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if x != y:
                return f"{field.name} {step} is {_near(y, x)} instead of {_near(x, y)}"
    if len(expected) != len(found):
        return f"{len(found)} answers instead of {len(expected)}"
    return ""


def elsewhere(job: Job, *, hash_seed: int) -> list[Seen]:
    """The trace (reset first) of a job in a fresh process with its own `PYTHONHASHSEED`.

    Raises:
        InfraError: the process failed or took more than five minutes.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "agentrl.envs.trace"],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": str(hash_seed)},
            input=json.dumps(dataclasses.asdict(job)),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise InfraError(f"a fresh process failed: {error.stderr.strip().rpartition(chr(10))[2]}") from error
    except subprocess.TimeoutExpired as error:
        raise InfraError(f"a fresh process took more than {_TIMEOUT_S:.0f} s") from error
    return [Seen(**seen) for seen in json.loads(done.stdout.strip().rpartition("\n")[2])]


def _as_json(info: Mapping[str, Any]) -> str:
    return json.dumps(info, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if hasattr(value, "tolist"):  # numpy
        return value.tolist()
    return type(value).__name__


def _near(value: object, other: object, width: int = 60) -> str:
    """`value`, cut to the neighbourhood of its first difference from `other`."""
    if isinstance(value, str) and isinstance(other, str):
        first = next((i for i, (a, b) in enumerate(zip(value, other, strict=False)) if a != b), len(other))
        begin = max(0, first - width // 2)
        return f"{'…' if begin else ''}{value[begin : begin + width]!r}"
    return repr(value)


def _main() -> None:
    job = Job(**json.load(sys.stdin))
    env = gym.make(gym.envs.registration.EnvSpec.from_json(job.spec), **job.kwargs)
    trace = [start(env, job.task), *play(env, job.actions)]
    print("\n" + json.dumps([dataclasses.asdict(seen) for seen in trace]))


if __name__ == "__main__":
    _main()
