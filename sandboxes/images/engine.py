"""The Docker Engine that images are built in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentrl.errors import InfraError, MissingExtraError

try:
    from docker import DockerClient
    from docker.errors import APIError, DockerException, ImageNotFound
    from requests.exceptions import RequestException
except ImportError as error:
    raise MissingExtraError("docker", "sandbox") from error

__all__ = ["APIError", "DockerClient", "ImageNotFound", "RequestException", "engine", "run"]

TIMEOUT_S = 600
"""For one answer of the engine; a build step without output must end within it."""


@contextmanager
def engine(timeout_s: int = TIMEOUT_S) -> Iterator[DockerClient]:
    """A connection to the engine that `DOCKER_HOST` names, by default the one on this machine.

    Raises:
        InfraError: no engine answers, or it fails within the `with` block.
    """
    try:
        client = DockerClient.from_env(timeout=timeout_s)
        try:
            client.ping()
        except BaseException:
            client.close()
            raise
    except (DockerException, RequestException) as error:
        raise InfraError(f"{_why(str(error))} ({error})") from error
    try:
        yield client
    except (DockerException, RequestException) as error:
        if "no space left" in str(error).lower():
            raise InfraError(
                f"the Docker Engine's disk is full: docker system prune frees what nothing uses ({error})"
            ) from error
        raise InfraError(f"the Docker Engine failed: {error}") from error
    finally:
        client.close()


def run(client: DockerClient, image: str, command: list[str], **options: Any) -> tuple[int, str]:
    """Run a command in a container that is gone afterwards, whatever happens; returns its exit code and output.

    `remove=True` of the SDK would leave a container that did not start.
    """
    container = client.containers.create(image, command, **options)
    try:
        container.start()
        code = int(container.wait()["StatusCode"])
        return code, container.logs().decode(errors="replace")
    finally:
        container.remove(force=True)


def _why(text: str) -> str:
    if "Permission denied" in text:
        return "the Docker Engine does not let this user in: sudo usermod -aG docker $USER, then log in again"
    return "no Docker Engine answers: start it with sudo systemctl start docker, or name another in DOCKER_HOST"
