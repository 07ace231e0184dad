"""`echo.py` for OpenEnv's own server; a script for an interpreter that has openenv and need not have agentrl.

python openenv_echo.py PORT
"""

# mypy: disable-error-code="import-not-found, misc"
from __future__ import annotations

import sys
from typing import Any

import uvicorn
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State


class EchoAction(Action):
    command: str


class EchoObservation(Observation):
    text: str


class EchoEnvironment(Environment[EchoAction, EchoObservation, State]):
    """Repeats the action; `stop` ends the episode with reward 1."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **more: Any) -> EchoObservation:
        self._state = State(episode_id=episode_id, step_count=0)
        return EchoObservation(text="ready")

    def step(self, action: EchoAction, timeout_s: float | None = None, **more: Any) -> EchoObservation:
        self._state.step_count += 1
        stop = action.command == "stop"
        return EchoObservation(text=action.command, done=stop, reward=float(stop))

    @property
    def state(self) -> State:
        return self._state


if __name__ == "__main__":
    app = create_fastapi_app(EchoEnvironment, EchoAction, EchoObservation, max_concurrent_envs=1024)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
