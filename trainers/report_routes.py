"""Routes as a drawing: who acted at each turn of some episodes, at what price, for the template of the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentrl.config import Price
from agentrl.trainers.costs import PHASES, executor_money, price_of
from agentrl.trainers.report_charts import COLOURS
from agentrl.trainers.runs import Purpose, Run
from agentrl.types import Group, Turn

LABEL, CELLS, WORDS, TOP, TITLE = 190, 640, 170, 24, 20
"""Pixels: of the names of tasks, of the cells, of what became of them, of the legend, and of a heading."""
CELL, WIDEST, READABLE = 18, 44, 28
"""Pixels: height of a cell, its width at most, and from which width on its price is written into it."""
CURVE, GAP = 20, 8
"""Pixels: height of the running total below the cells, and between routes."""
SHOWN = 5
"""Routes of a step or a measurement."""
UNITS = (("$", 1.0), ("m$", 1e3), ("µ$", 1e6), ("n$", 1e9))


@dataclass(frozen=True, slots=True)
class Cell:
    """One turn."""

    x: float
    colour: str
    price: str
    hint: str


@dataclass(frozen=True, slots=True)
class Route:
    """One episode; the numbers are pixels."""

    y: float
    label: str
    cells: tuple[Cell, ...]
    total: str
    """Path of the running total, a line from turn to turn."""
    budget_y: float | None
    solved: bool
    words: str
    sum: str


@dataclass(slots=True)
class Drawing:
    """Routes one below the other; all numbers are pixels."""

    caption: str
    cell: float
    legend: list[tuple[float, str, str]]
    """x, colour and name of those who act, the cheapest first."""
    right: float
    """Where the longest route ends."""
    headings: list[tuple[float, str]] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    left: float = LABEL
    height: float = TOP

    @property
    def width(self) -> float:
        return self.right + WORDS


Episode = tuple[str, list[Turn]]
"""A task's id, and the turns in which somebody acted for the policy."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """What all routes of a drawing share."""

    paid: Price
    """Of the policy's own tokens, which are left out."""
    budget: float | None
    highest: float
    """Dollars at the top of the running total."""
    unit: str
    per_dollar: float
    width: float
    colours: Mapping[str, str]

    def shown(self, money: float) -> str:
        return f"{money * self.per_dollar:.3g}"


def routes(run: Run) -> Drawing | None:
    """Routes of the last measurement and of the last step; None in a run without any."""
    measured: Purpose = "test" if run.rollout_steps("test") else "valid"
    found: dict[str, list[Episode]] = {}
    for purpose, choose in ((measured, _spread), ("step", _variety)):
        for step in run.rollout_steps(purpose)[-1:]:
            if chosen := choose([group for group, _ in run.rollouts(step, purpose)]):
                found[f"{PHASES[purpose]}, step {step}"] = chosen
    budget = run.config().get("routing", {}).get("budget", 0.0)
    return draw(found, price_of(run), budget or None) if found else None


def draw(found: Mapping[str, Sequence[Episode]], paid: Price, budget: float | None) -> Drawing:
    """A strip for every episode: a cell for each turn, and below it what was spent until then.

    Args:
        found: what to draw, by where it is from.
        paid: the price of the policy's own tokens, which is left out.
        budget: of an episode, in dollars.
    """
    episodes = [turns for part in found.values() for _, turns in part]
    prices: dict[str, list[float]] = defaultdict(list)
    for turn in (turn for turns in episodes for turn in turns):
        prices[turn.actor].append(executor_money(turn, paid))
    actors = sorted(prices, key=lambda name: sum(prices[name]) / len(prices[name]))
    longest = max(len(turns) for turns in episodes)
    unit, per_dollar = _unit(max(max(p) for p in prices.values()))
    dearest = max(sum(executor_money(turn, paid) for turn in turns) for turns in episodes)
    scale = _Scale(
        paid,
        budget,
        max(budget or 0.0, dearest) or 1.0,
        unit,
        per_dollar,
        min(CELLS / longest, WIDEST),
        {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(actors)},
    )
    drawing = Drawing(
        f"A cell is a turn: its colour says who acted, the number what that cost in {unit}"
        f"{f' ({per_dollar:,.0f} {unit} are a dollar)' if per_dollar > 1 else ''}. The line below it is the running "
        f"total{', the dashed one the budget' if budget else ''}; the policy's own tokens are left out.",
        scale.width,
        [(LABEL + 110.0 * i, colour, name) for i, (name, colour) in enumerate(scale.colours.items())],
        LABEL + longest * scale.width,
    )
    for heading, part in found.items():
        drawing.headings.append((drawing.height + 12, heading))
        drawing.height += TITLE
        for task_id, turns in part:
            drawing.routes.append(_route(drawing.height, task_id, turns, scale))
            drawing.height += CELL + CURVE + GAP
    return drawing


def _route(y: float, task_id: str, turns: Sequence[Turn], scale: _Scale) -> Route:
    floor, spent = y + CELL + CURVE, 0.0
    path, cells = [f"M {LABEL} {floor}"], []
    for i, turn in enumerate(turns):
        money, x = executor_money(turn, scale.paid), LABEL + i * scale.width
        spent += money
        price = scale.shown(money)
        hint = f"turn {i + 1}: {turn.actor}, {price} {scale.unit}, {scale.shown(spent)} so far · {_did(turn)}"
        cells.append(Cell(round(x, 2), scale.colours[turn.actor], price if scale.width >= READABLE else "", hint))
        path.append(f"L {x + scale.width:.2f} {floor - CURVE * spent / scale.highest:.2f}")
    last, room = turns[-1].outcome, LABEL // 6
    ending = "failed" if last.status == "terminated" else last.reason or last.status
    return Route(
        y,
        task_id if len(task_id) <= room else f"{task_id[: room - 1]}…",
        tuple(cells),
        " ".join(path),
        None if scale.budget is None else round(floor - CURVE * scale.budget / scale.highest, 2),
        last.solved,
        "solved" if last.solved else ending,
        scale.shown(spent) + (f" of {scale.shown(scale.budget)}" if scale.budget else "") + f" {scale.unit}",
    )


def _unit(price: float) -> tuple[str, float]:
    """The largest unit in which a price is 1 or more, and how many of it are a dollar."""
    return next(((unit, scale) for unit, scale in UNITS if price * scale >= 1), UNITS[-1])


def _did(turn: Turn) -> str:
    """The first line of what came of a turn, which tells what was done; or that the policy named nobody."""
    said = f"{turn.action.strip()!r} is nobody · " if turn.outcome.status == "invalid_action" else ""
    return said + turn.feedback.partition("\n")[0][:80]


def _routes(group: Group) -> list[Episode]:
    found = ([group.turns[i] for i in path if group.turns[i].actor] for path in group.rollouts())
    return [(group.task.task_id, turns) for turns in found if turns]


def _variety(groups: Sequence[Group]) -> list[Episode]:
    """Of the group whose rollouts took the most different routes, one of each."""
    best: dict[tuple[str, ...], Episode] = {}
    for group in groups:
        different = {tuple(turn.actor for turn in turns): (task_id, turns) for task_id, turns in _routes(group)}
        best = max(best, different, key=len)
    return list(best.values())[:SHOWN]


def _spread(groups: Sequence[Group]) -> list[Episode]:
    """From the cheapest to the dearest episode, at even distances."""
    found = [episode for group in groups for episode in _routes(group)]
    found.sort(key=lambda episode: sum(turn.cost.get("money", 0.0) for turn in episode[1]))
    count = min(SHOWN, len(found))
    return [found[round(i * (len(found) - 1) / max(count - 1, 1))] for i in range(count)]
