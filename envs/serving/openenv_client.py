"""`gym.make("OpenEnv-v0", url=…)`: any server of the OpenEnv protocol, whoever wrote it, as an environment of text."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Never, Self

import gymnasium as gym

from agentrl.address import Address
from agentrl.envs.serving.calls import Patience, UnsupportedError, call, run
from agentrl.envs.serving.client import Client
from agentrl.envs.spaces import Unicode
from agentrl.errors import ConfigError, InfraError, MissingExtraError
from agentrl.types import Outcome

try:
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI, WebSocketException
    from websockets.sync.client import ClientConnection, connect, unix_connect
except ImportError as error:
    raise MissingExtraError("websockets", "remote") from error

_CLOSE_S = 2.0
_OWN_FIELDS = {"done", "reward", "metadata"}
"""Fields of every action or observation of OpenEnv, which say nothing about this one."""


class OpenEnv(gym.Env[str, str]):
    """One session of an OpenEnv server.

    Actions: if the server's actions have one required field, the text is its value; otherwise the text is the JSON of
    the whole action. A text that the server refuses is an `invalid_action`.

    Observations: the one field that is a string, or else the JSON of the whole observation; `info["fields"]` has all.

    The protocol says `done`, not why. The outcome is the server's own, where its metadata has one in our words (as our
    servers' has); otherwise `truncated` metadata means truncated, and a positive last reward, solved.

    It lists no tasks and cannot be forked; options of `reset` are handed to the server's environment as they are.

    Args:
        url: `http://host:8000`, `https://…` or `unix:/path/to.sock`, with a path before the routes where there is one.
        token: sent as `Authorization: Bearer`; default: the environment variable AGENTRL_TOKEN.
        timeout_s: seconds for one answer.

    Raises:
        InfraError: no server answers.
        ConfigError: it does not speak OpenEnv, or the token is wrong.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 - as Gymnasium declares it
    action_space = Unicode()
    observation_space = Unicode()
    family = "openenv"
    splits: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("outcome",)
    split = ""
    blocking = True

    def __init__(self, url: str, *, token: str = "", timeout_s: float = 120.0, render_mode: str | None = None) -> None:
        self.address = Address.parse(url)
        self.timeout_s, self.render_mode = timeout_s, render_mode
        token = token or os.environ.get("AGENTRL_TOKEN", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        schema = run(call(Client.of(self.address, token), "GET", "/schema", patience=Patience(timeout_s, 0.0)))
        try:
            action, observation = schema["action"], schema["observation"]
            known = {k for k in action.get("properties", {}) if k not in _OWN_FIELDS}
            self.fields: list[str] = [k for k in action.get("required", []) if k not in _OWN_FIELDS]
            texts = [k for k, about in observation.get("properties", {}).items() if about.get("type") == "string"]
        except (TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"{self.address}/schema is not that of an OpenEnv server: {schema!r:.200}") from error
        self._all_fields = sorted(known)
        self._text_field = texts[0] if len(texts) == 1 else ""
        self._socket: ClientConnection | None = None
        self._running = False
        self.task_id = self._last = ""

    # -- Gymnasium ---------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self._socket = self._socket or self._connect()
        frame = self._exchange("reset", ({} if seed is None else {"seed": seed}) | (options or {}))
        if "error" in frame:
            raise ConfigError(f"{self.address} refused to reset with seed {seed}, options {options}: {frame['error']}")
        self._running = True
        text, _, info = self._read(frame)
        return text, info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if not self._running:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
        if not isinstance(action, str):
            raise TypeError(f"an action is a str, not {type(action).__name__}: {action!r:.80}")
        try:
            frame = self._exchange("step", self._action(action))
        except ValueError as error:
            frame = {"error": str(error)}
        if "error" in frame:
            outcome = Outcome.invalid_action(frame["error"])
            self._last = frame["error"]
            return self._last, 0.0, False, False, {"task_id": self.task_id, "outcome": outcome, "rewards": {}}
        text, reward, info = self._read(frame)
        outcome = info["outcome"]
        self._running = not outcome.done
        return text, reward, outcome.status == "terminated", outcome.status == "truncated", info

    def render(self) -> str | None:
        return self._last if self.render_mode == "ansi" else None

    def close(self) -> None:
        self._running = False
        if self._socket is not None:
            self._end()
            self._socket = None

    # -- the wire ----------------------------------------------------------------------------------------------

    def _connect(self) -> ClientConnection:
        address = self.address
        more: dict[str, Any] = {
            "additional_headers": self._headers,
            "open_timeout": self.timeout_s,
            "close_timeout": _CLOSE_S,
            "max_size": None,
            "compression": None,
        }
        stack = ExitStack()
        try:
            if address.scheme == "unix":
                socket: ClientConnection = stack.enter_context(unix_connect(address.path, "ws://localhost/ws", **more))
            else:
                socket = stack.enter_context(connect(f"ws{str(address).removeprefix('http')}/ws", **more))
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise InfraError(f"{address} opens no session of OpenEnv ({error})") from error
        self._end = weakref.finalize(self, stack.close)
        return socket

    def _exchange(self, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data of the observation, or `{"error": message}` for what the server refuses.

        Frames have these two keys and no more: OpenEnv's servers forbid others.
        """
        assert self._socket is not None
        try:
            with suppress(ConnectionClosed):  # what it said before is still to be read
                self._socket.send(json.dumps({"type": kind, "data": data}))
            frame = json.loads(self._socket.recv(self.timeout_s))
            content = frame["data"]
            if frame["type"] == "observation":
                return dict(content)
            code, message = content.get("code"), content.get("message", "")
        except (OSError, WebSocketException) as error:
            self.close()
            raise InfraError(f"{self.address}: the session broke during {kind} ({error!r})") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.close()
            raise InfraError(f"{self.address} answered {kind} with what is no frame of OpenEnv") from error
        if code == "VALIDATION_ERROR":
            return {"error": f"{message}: {content['errors']}" if content.get("errors") else str(message)}
        self.close()
        raise InfraError(f"{self.address}: {message} ({code})")

    def _action(self, text: str) -> dict[str, Any]:
        text.encode()  # lone surrogates are no text that JSON of other servers can carry
        if len(self.fields) == 1:
            return {self.fields[0]: text}
        names = ", ".join(self.fields or self._all_fields)
        try:
            action = json.loads(text)
        except ValueError:
            action = None
        if not isinstance(action, dict):
            raise ValueError(f"An action here is a JSON object with the fields {names}.")
        return action

    def _read(self, frame: Mapping[str, Any]) -> tuple[str, float, dict[str, Any]]:
        about: Mapping[str, Any] = frame.get("metadata") or {}
        fields: dict[str, Any] = frame.get("observation") or {}
        reward = float(frame.get("reward") or 0.0)
        text = fields.get(self._text_field)
        self._last = text if isinstance(text, str) else json.dumps(fields, ensure_ascii=False)
        self.task_id = str(about.get("task_id") or about.get("episode_id") or "")
        rewards = about.get("rewards")
        info: dict[str, Any] = {
            "task_id": self.task_id,
            "outcome": _outcome(bool(frame.get("done")), reward, about),
            "rewards": dict(rewards) if isinstance(rewards, dict) else ({"outcome": reward} if reward else {}),
            "fields": fields,
            "metadata": dict(about),
        }
        if isinstance(fields.get("admissible_commands"), list):
            info["admissible_commands"] = fields["admissible_commands"]
        return self._last, reward, info

    # -- the contract beyond Gymnasium -------------------------------------------------------------------------

    def _refuse(self, what: str) -> Never:
        raise UnsupportedError(f"OpenEnv's protocol has no {what}; a server of ours has, with the environment's own id")

    def tasks(self, split: str | None = None) -> Sequence[str]:
        self._refuse("list of tasks")

    def kind(self, task_id: str) -> str:
        return ""

    def reference(self, task_id: str) -> Mapping[str, Any]:
        return {}

    def oracle(self) -> Iterator[str]:
        self._refuse("oracle")

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Any:
        self._refuse("demonstrator")

    def snapshot(self) -> Any:
        self._refuse("snapshot")

    def restore(self, snapshot: Any) -> None:
        self._refuse("snapshot")

    def fork(self) -> Self:
        self._refuse("fork")


def _outcome(done: bool, reward: float, about: Mapping[str, Any]) -> Outcome:
    own = about.get("outcome")
    if isinstance(own, dict) and own.keys() == {"status", "success", "reason"}:
        return Outcome(**own)
    if not done:
        return Outcome.running()
    if about.get("truncated"):
        return Outcome.truncated("by the server")
    return Outcome.terminated(success=reward > 0)
