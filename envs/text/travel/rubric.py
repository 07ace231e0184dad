"""How good a plan is.

    quality = share of hard constraints that hold * sum of weight(t) * score(t) over the terms t of its kind

The term that the request names first weighs 0.4, the second 0.25, and the others share 0.35. Every score is in [0, 1].
A plan that breaks a constraint is thus worth less, however nice it is, and an empty one nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentrl.envs.text.travel.itinerary import Itinerary
from agentrl.envs.text.travel.reasons import merits
from agentrl.envs.text.travel.request import TERMS, Request
from agentrl.envs.text.travel.world import walk

FIRST, SECOND = 0.4, 0.25
THRIFT = 0.4
"""Share of the budget that one has to leave unspent for the full score."""


def _mean(values: Iterable[float]) -> float:
    """0 where there are none: a plan without rides is not going by train."""
    known = list(values)
    return sum(known) / len(known) if known else 0.0


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _cost(it: Itinerary) -> float:
    """Money left, against `THRIFT` of what may be spent; where each thing has its limit, their mean."""
    each = it.request.limit("price_each")
    most, spent = (each * len(it.good), it.cost) if each is not None else (it.request.limit("budget"), it.cost)
    return _clip((most - spent) / (THRIFT * most)) if most else 1.0


def _time(it: Itinerary) -> float:
    """The quickest flight there, against the time from departure to arrival; mean over the trips there and back."""
    trips = [it.rides] if it.rides and it.request.kind == "direction" else [[ride] for ride in it.rides]
    return _mean(it.world.quickest(t[0].origin, t[-1].destination) / (t[-1].arrives - t[0].departs) for t in trips)


def _early(it: Itinerary) -> float:
    """Minutes before the latest arrival allowed, of 300."""
    return _clip((it.request.limit("arrive_by") - it.rides[-1].arrives) / 300) if it.rides else 0.0


def _mode(it: Itinerary) -> float:
    """Share of rides by what is liked."""
    return _mean(ride.mode == it.request.mode for ride in it.rides)


def _direct(it: Itinerary) -> float:
    """1 / number of rides."""
    return 1 / len(it.rides) if it.rides else 0.0


def _near(it: Itinerary) -> float:
    """1 for the way next door, 0 for 90 minutes on foot; mean."""
    return _mean(_clip(1 - walk(it.base, place.at) / 90) for place in it.places)


def _rating(it: Itinerary) -> float:
    """Ratings of sights and stars of hotels, 1 to 5 as 0 to 1; mean."""
    ratings = [sight.rating for sight in it.sights] + [hotel.stars for hotel in it.hotels]
    return _mean((rating - 1) / 4 for rating in ratings)


def _themes(it: Itinerary) -> float:
    """Half for the share of visits that have a theme that is liked, half for the share of those themes that occur."""
    liked = it.request.themes
    seen = [sight.theme for sight in it.sights]
    return _mean([_mean(theme in liked for theme in seen), _mean(theme in seen for theme in liked)])


def _slack(it: Itinerary) -> float:
    """Minutes between the end of a visit and closing time, of 180; mean."""
    closing = {sight.name: sight.closes for sight in it.sights}
    return _mean(_clip((closing[s.entry.name] - s.end) / 180) for s in it.good if s.entry.name in closing)


def _comfort(it: Itinerary) -> float:
    """1 for no walking, 0 for two hours a day."""
    return _clip(1 - it.walked / (120 * (it.request.last - it.request.first + 1)))


def _pace(it: Itinerary) -> float:
    """How near the number of sights is to the one that is wished for."""
    return _clip(1 - abs(len(it.sights) - it.request.pace) / it.request.pace)


def _reasons(it: Itinerary) -> float:
    """Share of the true reasons that are given."""
    true = merits(it)
    return len({*it.reasons} & true) / len(true) if true else 0.0


SCORES: dict[str, Callable[[Itinerary], float]] = {
    "cost": _cost,
    "time": _time,
    "early": _early,
    "mode": _mode,
    "direct": _direct,
    "near": _near,
    "rating": _rating,
    "themes": _themes,
    "slack": _slack,
    "comfort": _comfort,
    "pace": _pace,
    "reasons": _reasons,
}
"""Term → score of an itinerary."""


def weights(request: Request) -> dict[str, float]:
    """Weight of each term of a request."""
    terms = TERMS[request.form]
    rest = (1 - FIRST - SECOND) / (len(terms) - 2)
    return dict.fromkeys(terms, rest) | dict(zip(request.wishes, (FIRST, SECOND), strict=True))


def scores(it: Itinerary) -> dict[str, float]:
    """Score of each term."""
    return {term: SCORES[term](it) for term in TERMS[it.request.form]}


def niceness(it: Itinerary) -> float:
    """The weighted sum of the scores."""
    found = scores(it)
    return sum(weight * found[term] for term, weight in weights(it.request).items())
