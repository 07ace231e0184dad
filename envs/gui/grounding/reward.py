"""The reward of GUI-Cursor (arXiv 2509.21552) as parts, one for each reward channel.

    R = r_p - w (false stop + false move + false direction + repeated) + format
    r_p = 1 + (1 - d_c / d_max)² in the target, 1 - d_edge outside

Read in a third-party summary of the paper, which leaves open how `d_edge` is scaled, what exactly is a fault, and w.
Here `d_edge` is a share of the screen's diagonal, a fault counts -1 when it is made, and w is the weight of its channel
in training (`rl.rewards`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """A place on the screen, in pixels from its top left."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle on the screen, in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        return Point(self.left + self.width / 2, self.top + self.height / 2)

    def holds(self, point: Point) -> bool:
        """Whether the point is in it; its right and lower edges are outside, as pixels are."""
        return self.left <= point.x < self.left + self.width and self.top <= point.y < self.top + self.height

    def away(self, point: Point) -> float:
        """Distance from a point to the nearest of its own, in pixels; 0 within."""
        nearest = (
            min(max(point.x, self.left), self.left + self.width),
            min(max(point.y, self.top), self.top + self.height),
        )
        return math.dist(point, nearest)


def position(target: Box, point: Point, diagonal: float) -> float:
    """r_p, for stopping at a point: 1 to 2 in the target, 0 to 1 outside.

    Args:
        diagonal: of the screen, in pixels.
    """
    if not target.holds(point):
        return 1 - target.away(point) / diagonal
    farthest = math.hypot(target.width, target.height) / 2
    return 1 + (1 - math.dist(point, target.centre) / farthest) ** 2


def faults(target: Box, trail: Sequence[Point], point: Point) -> dict[str, float]:
    """What is wrong with moving to a point: channel → -1.

    Args:
        trail: where the cursor has been, where it is now last.
    """
    here = trail[-1]
    found = {
        "false_move": target.holds(here),  # there was nothing to do but to stop
        "false_direction": not target.holds(here) and target.away(point) > target.away(here),
        "repeated": point in trail,
    }
    return {channel: -1.0 for channel, wrong in found.items() if wrong}
