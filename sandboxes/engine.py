"""The Docker Engine through its SDK: blocking calls, and their errors with a type."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from agentrl.errors import ConfigError, MissingExtraError, SandboxError

T = TypeVar("T")


def connect(base_url: str = "") -> Any:
    """A client of the engine.

    Raises:
        MissingExtraError: the package `docker` is not installed.
        SandboxError: no engine answers.
    """
    try:
        import docker
    except ImportError as error:
        raise MissingExtraError("docker", "sandbox") from error

    def answering() -> Any:
        client = docker.DockerClient(base_url) if base_url else docker.from_env()
        client.ping()
        return client

    return typed(answering)


def remove(api: Any, name: str) -> None:
    """Kill and remove a container, unless it is gone or going already."""
    import docker.errors

    with _gone_is_fine():
        try:
            api.remove_container(name, force=True, v=True)
        except docker.errors.APIError as error:
            if "is not running" not in str(error.explanation):
                raise
            api.remove_container(name, force=True, v=True)  # it ended just when the engine was to kill it


def remove_image(api: Any, name: str) -> None:
    """Remove an image, unless it is gone already or still in use."""
    with _gone_is_fine():
        api.remove_image(name, force=True)


@contextlib.contextmanager
def _gone_is_fine() -> Iterator[None]:
    """No error where something is gone already, or going, or still in use."""
    import docker.errors

    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code not in (404, 409):
            raise


def attach(api: Any, name: str) -> socket.socket:
    stream = api.attach_socket(name, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    connection = getattr(stream, "_sock", stream)
    if type(connection) is not socket.socket:
        raise ConfigError("the engine is to be reached over a Unix socket, or TCP without TLS (or through ssh -L)")
    with contextlib.closing(stream):
        return socket.socket(fileno=os.dup(connection.fileno()))


def written(api: Any, name: str) -> int:
    """Bytes in the writable layer of a container."""
    answer = api.get(api._url("/containers/{0}/json", name), params={"size": 1})  # the SDK has no such argument
    return int(answer.json().get("SizeRw") or 0)


def typed(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call the SDK; what goes wrong there is a SandboxError with its cause."""
    import docker.errors
    import requests

    try:
        return function(*args, **kwargs)
    except docker.errors.ImageNotFound as error:
        raise SandboxError("image_missing", str(error.explanation)) from error
    except docker.errors.NotFound as error:
        raise SandboxError("killed", f"the container is gone: {error.explanation}") from error
    except docker.errors.APIError as error:
        text = str(error.explanation or error)
        raise SandboxError("disk_full" if "no space left" in text else "engine", f"the engine says: {text}") from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise SandboxError("engine_down", f"no Docker Engine answers: {error}; start it, or set DOCKER_HOST") from error
