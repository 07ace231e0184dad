"""The Docker Engine that images are built in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from agentrl.errors import InfraError, MissingExtraError
from agentrl.sandboxes.engine import connect

try:
    from docker import DockerClient
    from docker.errors import APIError, BuildError, DockerException, ImageNotFound
    from requests.exceptions import RequestException
except ImportError as error:
    raise MissingExtraError("docker", "sandbox") from error

__all__ = ["APIError", "BuildError", "DockerClient", "ImageNotFound", "RequestException", "engine", "failure", "run"]

TIMEOUT_S = 600
"""For one answer of the engine; a build step without output must end within it."""


@contextmanager
def engine() -> Iterator[DockerClient]:
    """A connection to the engine that `DOCKER_HOST` names, by default the one on this machine.

    Raises:
        InfraError: no engine answers, or it fails within the `with` block.
    """
    client: DockerClient
    with closing(connect()) as client:
        client.api.timeout = TIMEOUT_S
        try:
            yield client
        except (DockerException, RequestException) as error:
            raise failure(f"the Docker Engine failed: {error}") from error


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


def failure(what: str) -> InfraError:
    """The error for what the engine says, with the way out where it is a common one."""
    if "no space left" in what.lower():
        return InfraError(f"{what}\nthe engine's disk is full: docker system prune frees what nothing uses")
    return InfraError(what)
