"""What there is on a screen, wherever the screen comes from, and a task on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentrl.envs.gui.grounding.reward import Box, Point


@dataclass(frozen=True, slots=True)
class Target:
    """Something to point at."""

    name: str
    """Its id in the accessibility tree."""
    description: str
    """No other element of the screen fits it."""
    box: Box


@dataclass(frozen=True, slots=True)
class Scene:
    """A screen that stands still."""

    size: tuple[int, int]
    """Width and height in pixels."""
    tree: str
    """The accessibility tree, with ids, places and sizes."""
    targets: tuple[Target, ...]
    """Everything that can be pointed at."""
    picture: bytes
    """PNG, without a cursor; empty where none was taken."""

    def under(self, point: Point) -> str:
        """Id of what can be pointed at and is there, the smallest of several; "" where nothing is."""
        found = [target for target in self.targets if target.box.holds(point)]
        return min(found, key=lambda target: target.box.width * target.box.height).name if found else ""


class Task(Protocol):
    """A target on a scene. Its values are plain: states of episodes have it."""

    @property
    def kind(self) -> str:
        """What sort of target or screen it is; no screen has to be made for it."""

    def scene(self, *, pictured: bool) -> Scene:
        """Its screen, made at the first call and kept.

        Args:
            pictured: whether the picture is needed.

        Raises:
            InfraError: what makes the screen failed, or is missing; so may ConfigError, which then says what to do.
        """

    def target(self, scene: Scene) -> Target:
        """What is to be pointed at."""
