"""Building the images: base first, packages made outside, the rest without a network."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import agentrl
from agentrl.errors import ConfigError
from agentrl.files import cache_folder
from agentrl.sandboxes.images import base
from agentrl.sandboxes.images.catalog import BUILDER, IMAGES, Image, checkout, with_parents
from agentrl.sandboxes.images.context import context
from agentrl.sandboxes.images.engine import DockerClient, engine, failure
from agentrl.sandboxes.images.local import LABEL, OCI, LocalImage
from agentrl.sandboxes.images.wheelhouse import (
    TOOLS,
    Target,
    make_here,
    make_inside,
    requirements,
    wheelhouse,
)

Tell = Callable[[str], None]


def build(names: list[str], *, origin: str = "", ca_bundle: Path | None = None, tell: Tell = print) -> list[LocalImage]:
    """Build images and those that they start from. What has not changed comes from the engine's cache.

    Args:
        names: of `IMAGES`; none for all.
        origin: what the base image starts from; "" chooses (see `base.choose`).
        ca_bundle: certificates in PEM form, for networks that need their own. They get into no image.
        tell: called with what is being done, for people.

    Raises:
        UnknownNameError: there is no such image.
        ConfigError: there is no checkout to build from, no base image to start from, or no such file of certificates.
        InfraError: the engine, pip or mmdebstrap failed, or the engine's disk is full.
        MissingExtraError: the `docker` package is not installed.
    """
    images, root = with_parents(names), checkout()
    if ca_bundle and not ca_bundle.is_file():
        raise ConfigError(f"{ca_bundle} is no file: --ca-bundle names one with certificates in PEM form")
    with engine() as client:
        builder = _Builder(client, root, origin, ca_bundle, tell)
        return [builder.build(image) for image in images]


class _Builder:
    def __init__(self, client: DockerClient, root: Path, origin: str, ca_bundle: Path | None, tell: Tell) -> None:
        self.client, self.root, self.wanted, self.ca_bundle, self.tell = client, root, origin, ca_bundle, tell

    @cached_property
    def origin(self) -> str:
        """What the base image starts from."""
        return base.choose(self.client, self.wanted, self.tell)

    def build(self, image: Image) -> LocalImage:
        origin = base.of_packages(self.client, image.name, image.debian, self.tell) if image.debian else self.origin
        parent = IMAGES[image.parent].tag if image.parent else origin
        wanted = [] if image.extras is None else requirements(self.root, image.extras)
        if image.packages:
            wanted = sorted({*image.packages, *TOOLS})
        wheels = self.wheels(parent, wanted) if wanted else None
        digests = self.client.images.get(origin).attrs["RepoDigests"]
        labels = {
            LABEL: image.name,
            f"{OCI}.version": agentrl.__version__,
            f"{OCI}.base.name": digests[0] if digests else origin,
        }
        if image.extras is not None:  # the others hold nothing of the checkout, and should not change with every commit
            labels[f"{OCI}.revision"] = _revision(self.root)
        with tempfile.TemporaryFile() as archive:
            folder = self.root / "docker" / image.name
            context(archive, folder, wheels=wheels, sources=None if image.extras is None else self.root)
            archive.seek(0)
            lines: list[str] = []
            for event in self.client.api.build(
                fileobj=archive,
                custom_context=True,
                tag=image.tag,
                buildargs={"BASE": parent},
                labels=labels,
                network_mode="host" if image is BUILDER else "none",
                rm=True,
                forcerm=True,
                decode=True,
            ):
                if "error" in event:
                    raise failure("\n".join([*lines[-8:], f"{image.tag} could not be built: {event['error']}"]))
                if line := str(event.get("stream", "")).strip():
                    lines.append(line)
                    if line.startswith("Step "):
                        self.tell(f"{image.tag}: {line}")
        return LocalImage.of(image.tag, self.client.images.get(image.tag).attrs)

    def wheels(self, parent: str, wanted: list[str]) -> Path:
        """A wheelhouse for images that start from `parent`."""
        target = Target.of_image(self.client, parent)
        make = make_here if Target.of_host().runs_on(target) else self.inside
        self.tell(f"collecting {', '.join(wanted)} for Python {target.python[0]}.{target.python[1]}")
        return wheelhouse(self.root, wanted, target, make, cache_folder("wheels"))

    def inside(self, constraints: Path, folder: Path) -> None:
        make_inside(self.client, self.build(BUILDER).tag, self.ca_bundle, constraints, folder)


def _revision(root: Path) -> str:
    """The commit of the checkout, with a `+` where files have changed since; "" without git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
