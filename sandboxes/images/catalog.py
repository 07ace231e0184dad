"""Which images agentrl has, and where their files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import agentrl
from agentrl.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Image:
    """An image that `docker/<name>/Dockerfile` describes."""

    name: str
    parent: str = ""
    """The image of ours that it starts from; "" for one that starts from the outside world."""
    extras: tuple[str, ...] | None = None
    """The optional dependency groups of agentrl that it holds; None for an image without agentrl."""
    packages: tuple[str, ...] = ()
    """What an image without agentrl holds, as pip takes it."""
    debian: tuple[str, ...] = ()
    """Packages of Debian that it is made of, for one that starts from them alone."""

    @property
    def tag(self) -> str:
        """Its full name in the engine, e.g. `agentrl/text:0.1.0`."""
        return f"agentrl/{self.name}:{agentrl.__version__}"


IMAGES: dict[str, Image] = {
    image.name: image
    for image in (
        Image("base"),
        Image("text", parent="base", extras=("text", "search", "shop", "serve")),
        Image("swe", parent="base", packages=("pytest",)),
        Image("train", parent="base", extras=("text", "search", "remote", "train", "vllm")),
        Image(
            "web",
            extras=("web", "shop", "serve"),
            debian=("python3", "chromium-headless-shell", "fonts-dejavu-core", "libatomic1"),  # that is for Playwright
        ),
        Image(
            "desktop",
            debian=(
                *("xvfb", "openbox", "dbus-daemon", "at-spi2-core", "xfconf", "fonts-dejavu-core"),
                *("python3", "python3-gi", "python3-xlib", "gir1.2-gtk-3.0"),
                *("chromium", "galculator", "gnumeric", "lxterminal", "mousepad", "ristretto", "thunar"),
            ),
        ),
    )
}
"""Parents stand before their children."""

BUILDER = Image("builder", parent="base")
"""Not for users: makes wheels where the host cannot."""


def with_parents(names: list[str]) -> list[Image]:
    """The named images, or all, and those that they start from; parents first.

    Raises:
        UnknownNameError: there is no such image.
    """
    wanted = set(names or IMAGES)
    for name in list(wanted):
        if name not in IMAGES:
            raise UnknownNameError("image", name, IMAGES)
        while name := IMAGES[name].parent:
            wanted.add(name)
    return [image for image in IMAGES.values() if image.name in wanted]


def checkout() -> Path:
    """The source tree with the Dockerfiles.

    Raises:
        ConfigError: agentrl was installed without it.
    """
    root = Path(agentrl.__file__).resolve().parents[1]
    if not (root / "docker" / "base" / "Dockerfile").is_file():
        raise ConfigError(
            "images are built from a checkout, and this agentrl was installed without one: "
            "clone its repository and run there: pip install -c constraints.txt -e '.[sandbox]'"
        )
    return root
