"""Exits with 0 if the server in this container plays a step, or is full of sessions that do. Standard library only."""

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

URL = "http://127.0.0.1:8000"


def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("AGENTRL_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers, method=method), timeout=8) as answer:
        return json.loads(answer.read() or b"null")


env_id = call("GET", "/v1/envs")["envs"][0]["env_id"]
try:
    session = call("POST", "/v1/sessions", {"env_id": env_id, "lease_s": 30})["session"]
except urllib.error.HTTPError as error:
    sys.exit(error.code != 429)
try:
    call("POST", f"/v1/sessions/{session}/reset", {"seed": 0})
    call("POST", f"/v1/sessions/{session}/step", {"action": "look"})
finally:
    call("DELETE", f"/v1/sessions/{session}")
