"""An itinerary in words."""

from __future__ import annotations

from agentrl.envs.text.travel.itinerary import Itinerary, Stop
from agentrl.envs.text.travel.world import clock


def line(stop: Stop) -> str:
    """One stop: when it happens and what it costs, or what is wrong with it."""
    if stop.problem:
        return f"{stop.entry.text()} problem {stop.problem}"
    times = f" {clock(stop.start)} to {clock(stop.end)}" if stop.end else ""
    return f"{stop.entry.text()}{times}{f' price {stop.cost}' if stop.what else ''}"


def totals(it: Itinerary) -> str:
    """What the plan comes to."""
    problems = sum(bool(stop.problem) for stop in it.stops)
    back = f" back {clock(it.back)}" if it.request.limit("back_by") and it.sights else ""
    return f"cost {it.cost}{back}{f' problems {problems}' if problems else ''}"


def whole(it: Itinerary) -> str:
    """The plan, a stop a line, and what it comes to."""
    return "\n".join([*map(line, it.stops), totals(it)]) if it.stops else "the plan is empty"
