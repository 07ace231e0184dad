"""The images of agentrl that the engine holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentrl.sandboxes.images.engine import engine

LABEL = "agentrl.image"
"""Label that all our images bear; its value is the name in `IMAGES`."""
OCI = "org.opencontainers.image"


@dataclass(frozen=True, slots=True)
class LocalImage:
    """One of our images, as the engine describes it."""

    tag: str
    digest: str
    """Content hash of its configuration, by which the engine knows it: `sha256:…`."""
    size: int
    """Bytes, those of the images that it starts from included."""
    created: str
    """ISO 8601, UTC."""
    base: str
    """The image from outside that it goes back to, with its registry's digest where it has one."""
    revision: str
    """Commit that it was built from; ends in `+` if files had changed since, "" where git knows nothing."""

    @classmethod
    def of(cls, tag: str, attributes: dict[str, Any]) -> LocalImage:
        labels = attributes["Config"]["Labels"]
        return cls(
            tag=tag,
            digest=attributes["Id"],
            size=attributes["Size"],
            created=attributes["Created"],
            base=labels.get(f"{OCI}.base.name", ""),
            revision=labels.get(f"{OCI}.revision", ""),
        )


def find() -> list[LocalImage]:
    """All images of agentrl that are here, of any version, by tag.

    Raises:
        InfraError: no engine answers.
        MissingExtraError: the `docker` package is not installed.
    """
    with engine() as client:
        found = client.images.list(filters={"label": LABEL})
        return sorted((LocalImage.of(tag, i.attrs) for i in found for tag in i.tags), key=lambda image: image.tag)
