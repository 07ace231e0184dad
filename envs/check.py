"""`check("Some-v0")`: does an environment keep the contract of `agentrl.envs.base`, property by property?"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from agentrl.envs.properties import PROPERTIES, Broken, Subject


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one property holds."""

    name: str
    passed: bool
    message: str
    """Empty where it holds; otherwise what was seen and what to do."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """The findings on one environment, in the order of `properties.PROPERTIES`."""

    env_id: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        findings = [asdict(finding) for finding in self.findings]
        return {"env_id": self.env_id, "passed": self.passed, "findings": findings}

    def __str__(self) -> str:
        return "\n".join(f"{'pass' if f.passed else 'FAIL'}  {f.name:<16} {f.message}".rstrip() for f in self.findings)


def check(env_id: str, **kwargs: Any) -> Report:
    """Check every property of `properties.PROPERTIES`.

    Args:
        env_id: a registered id, or `module:Id-v0`, where importing the module registers the id.
        kwargs: passed to `gym.make`.

    Raises:
        gymnasium.error.Error, ImportError, AgentRLError: the environment cannot be made at all.
    """
    subject = Subject(env_id, kwargs)
    with subject.made():
        pass
    return Report(env_id, tuple(_examine(name, subject) for name in PROPERTIES))


def _examine(name: str, subject: Subject) -> Finding:
    began, message = time.perf_counter(), ""
    try:
        PROPERTIES[name](subject)
    except Broken as verdict:
        message = str(verdict)
    except Exception as error:  # noqa: BLE001 - whatever the environment under test raises is the finding
        message = f"raised {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Finding(name, not message, message, time.perf_counter() - began)
