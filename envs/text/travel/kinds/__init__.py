"""The kinds of requests: how one is drawn, with a plan that fits it, and which plans are worth a look."""

from agentrl.envs.text.travel.kinds import compare, day, days, direction, search
from agentrl.envs.text.travel.kinds.kind import Draft, Kind

KINDS: dict[str, Kind] = {
    "direction": Kind(direction.draw, direction.plans),
    "search": Kind(search.draw, search.plans),
    "compare": Kind(compare.draw, compare.plans),
    "day": Kind(day.draw, day.plans),
    "days": Kind(days.draw, days.plans),
}

__all__ = ["KINDS", "Draft", "Kind"]
