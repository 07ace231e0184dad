"""Memory of one server with very many sessions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from agentrl.address import Address
from agentrl.cli.bench.servers import running, serve_command, tree_rss
from agentrl.envs.serving.client import Client, Request
from agentrl.errors import InfraError

WAVE = 500
"""Sessions opened before half of them are deleted and half are left to their lease."""
LEASE_S = 2.0
_WARM_UP = 200


def measure(env_id: str, live: int, churn: int) -> dict[str, Any]:
    """Open `live` sessions at once, each with a running episode; then `churn` sessions in waves.

    Returns:
        Resident bytes of the server: `before`, with `live` sessions, `after_live`, `churn_peak`, `after_churn`.

    Raises:
        InfraError: the server does not start, or refuses a session.
    """
    with running(serve_command(env_id, "--max-sessions", str(live + 4 * WAVE))) as (url, pid):
        user = _User(url, env_id)
        user.delete(user.start(_WARM_UP, 600.0))
        before = user.settled_rss(pid)
        sessions = user.start(live, 600.0)
        alive = tree_rss(pid)
        user.delete(sessions)
        after_live = peak = user.settled_rss(pid)
        for _ in range(churn // WAVE):
            sessions = user.start(WAVE, LEASE_S)
            user.delete(sessions[::2])
            peak = max(peak, tree_rss(pid))
        after_churn = user.settled_rss(pid)
    return {
        "env": env_id,
        "sessions": {"live": live, "churned": churn // WAVE * WAVE},
        "before": before,
        "live": alive,
        "after_live": after_live,
        "churn_peak": peak,
        "after_churn": after_churn,
    }


class _User:
    def __init__(self, url: str, env_id: str) -> None:
        self.client, self.env_id = Client(Address.parse(url)), env_id

    def start(self, count: int, lease_s: float) -> list[str]:
        """Sessions with a running episode."""
        about = {"env_id": self.env_id, "lease_s": lease_s}
        opened = [self._ask("POST", "/v1/sessions", about)["session"] for _ in range(count)]
        for begin in range(0, count, 100):
            part = opened[begin : begin + 100]
            calls = [{"session": session, "call": "reset", "seed": begin + i} for i, session in enumerate(part)]
            calls += [{"session": session, "call": "step", "action": "look"} for session in part]
            self._ask("POST", "/v1/batch", {"calls": calls})
        return opened

    def delete(self, sessions: Sequence[str]) -> None:
        for session in sessions:
            self._ask("DELETE", f"/v1/sessions/{session}")

    def settled_rss(self, pid: int) -> int:
        """Resident bytes once no session is left."""
        while self._ask("GET", "/v1/sessions")["sessions"]:
            time.sleep(0.2)
        return tree_rss(pid)

    def _ask(self, method: str, route: str, body: Any = None) -> Any:
        reply = self.client.send(Request(self.client, method, route, body, 60.0))
        if reply.status >= 300:
            raise InfraError(f"{self.client.address}{route} answered {reply.status}: {reply.body}")
        return reply.body
