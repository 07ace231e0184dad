"""What `/metrics` shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_BUCKETS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10, 30, 100)
"""Seconds; from a text game in Python to a command in a container."""


class Metrics:
    """Counters of one server, in a registry of their own.

    Args:
        open_sessions: how many there are now.
    """

    def __init__(self, open_sessions: Callable[[], int]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second one, of its birth
        self._registry = registry = CollectorRegistry()
        Gauge("agentrl_sessions_open", "Sessions that are open.", registry=registry).set_function(open_sessions)
        self._created = Counter("agentrl_sessions_created", "Sessions opened so far.", ["env"], registry=registry)
        self._lost = Counter(
            "agentrl_sessions_lost", "Sessions that ended without their client's doing.", registry=registry
        )
        self._errors = Counter("agentrl_errors", "Calls answered with an error.", ["code"], registry=registry)
        steps = Counter("agentrl_steps", "Steps played.", ["env", "outcome"], registry=registry)
        seconds = Histogram(
            "agentrl_step_seconds", "Time in the environment.", ["env"], buckets=_BUCKETS, registry=registry
        )
        self._steps = cache(steps.labels)  # looking labels up is slow
        self._seconds = cache(seconds.labels)

    def created(self, env_id: str) -> None:
        """Count a session."""
        self._created.labels(env_id).inc()

    def lost(self) -> None:
        """Count the loss of a session."""
        self._lost.inc()

    def error(self, code: str) -> None:
        """Count an error."""
        self._errors.labels(code).inc()

    def step(self, env_id: str, outcome: str, seconds: float) -> None:
        """Count a step."""
        self._steps(env_id, outcome).inc()
        self._seconds(env_id).observe(seconds)

    def page(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)
