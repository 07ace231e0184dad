"""A tournament as a drawing: where every box and line stands, for the template of the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentrl.agents.arena.group import TOURNAMENT
from agentrl.agents.arena.record import Match, Tournament
from agentrl.types import Group

WIDTH, ROW, GAP_X, GAP_Y, TOP = 108, 17, 40, 10, 22
"""Pixels: of a box, of one of its rows, between boxes, and of the headings."""
LABELS = {"league": "round", "seeding": "seeding", "bracket": "round", "losers": "losers", "final": "final"}

State = Literal["won", "lost", "even", "failed", "bye"]


@dataclass(frozen=True, slots=True)
class Line:
    """One player of a box."""

    name: str
    value: str
    state: State


@dataclass(frozen=True, slots=True)
class Box:
    """A match, or a list of players."""

    x: float
    y: float
    lines: tuple[Line, ...]
    hint: str = ""
    width: float = WIDTH

    @property
    def height(self) -> float:
        return ROW * len(self.lines)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(slots=True)
class Drawing:
    """A tournament; all numbers are pixels."""

    title: str
    caption: str
    width: float = 0.0
    height: float = 0.0
    headings: list[tuple[float, str]] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    paths: list[tuple[float, float, float, float]] = field(default_factory=list)
    """From the right of one box to the left of another: x, y, x, y."""


def best_tournament(groups: Sequence[tuple[int, Group]]) -> Drawing | None:
    """The drawing of the tournament with the most comparisons; None where there is none.

    Args:
        groups: (step, group).
    """
    held = [(step, group) for step, group in groups if TOURNAMENT in group.notes]
    if not held:
        return None
    step, group = max(held, key=lambda pair: int(pair[1].notes[TOURNAMENT]["comparisons"]))
    note: dict[str, Any] = group.notes[TOURNAMENT]
    tournament = Tournament.from_json(note)
    caption = (
        f"{group.task.env_id}, {group.task.task_id} · step {step} · {len(tournament.ranks)} rollouts, "
        f"{tournament.comparisons} comparisons, {tournament.failed} failed · both orders agree in "
        f"{note['judge_agreement']:.0%}"
    )
    return draw(tournament, note["rewards"], caption)


def draw(tournament: Tournament, rewards: Sequence[float | None], caption: str) -> Drawing:
    """Rounds from left to right, winners joined to their next match, and the ranks with their rewards at the end."""
    drawing = Drawing(f"A tournament: {tournament.topology.replace('_', ' ')}", caption)
    rounds: dict[int, list[Match]] = defaultdict(list)
    for match in tournament.matches:
        rounds[match.round].append(match)
    upper, lower = _Lane(drawing, TOP), _Lane(drawing, 0)
    x = 0.0
    for number in sorted(rounds):
        stage = rounds[number][0].stage
        drawing.headings.append((x, f"{LABELS[stage]} {number}"))
        if stage == "seeding":
            drawing.boxes.append(_seeds(rounds[number], x))
        elif tournament.topology == "round_robin":
            x = _table(drawing, len(tournament.ranks), rounds[number])
        elif stage != "losers":
            upper.column(rounds[number], x, joined=stage != "league")
        x += WIDTH + GAP_X
    lower.top = max((box.y + box.height for box in drawing.boxes), default=TOP) + 3 * GAP_Y
    for place, number in enumerate(sorted(rounds)):
        if rounds[number][0].stage == "losers":
            lower.column(rounds[number], place * (WIDTH + GAP_X), joined=True)
    drawing.headings.append((x, "rank and reward"))
    drawing.boxes.append(_ranks(tournament, rewards, x))
    drawing.width = x + WIDTH
    drawing.height = max(box.y + box.height for box in drawing.boxes) + 2
    return drawing


class _Lane:
    """The boxes of one bracket."""

    def __init__(self, drawing: Drawing, top: float) -> None:
        self.top = top
        self._drawing = drawing
        self._last: dict[int, Box] = {}
        """Of each player, the box it was in."""

    def column(self, matches: Sequence[Match], x: float, *, joined: bool) -> None:
        """Place the matches of a round, each as near as can be to where its players come from."""
        below = self.top

        def wanted(match: Match) -> float:
            sources = [self._last[i].middle for i in match.players if i in self._last]
            return sum(sources) / len(sources) - ROW * len(match.players) / 2 if joined and sources else below

        for match in sorted(matches, key=wanted):
            box = Box(x, max(wanted(match), below), tuple(_line(match, i) for i in match.players), _hint(match))
            below = box.y + box.height + GAP_Y
            for player in match.players:
                if joined and player in self._last:
                    source = self._last[player]
                    self._drawing.paths.append((source.x + WIDTH, source.middle, x, box.middle))
                self._last[player] = box
            self._drawing.boxes.append(box)


def _line(match: Match, player: int) -> Line:
    if len(match.players) == 1:
        return Line(f"#{player}", "bye", "bye")
    if match.scores is None:
        return Line(f"#{player}", "–", "failed")
    state: State = "even" if match.winner is None else "won" if match.winner == player else "lost"
    return Line(f"#{player}", _number(match.scores[match.players.index(player)]), state)


def _hint(match: Match) -> str:
    on = "" if match.winner is None else f"#{match.winner} goes on"
    return f"not judged: {match.failure}; {on or 'nobody goes on'}" if match.failure else on


def _seeds(matches: Sequence[Match], x: float) -> Box:
    """Everybody by the mean score against the anchor, the best first."""
    scores: dict[int, list[float]] = {i: [] for match in matches for i in match.players}
    for match in matches:
        for player, score in zip(match.players, match.scores or (), strict=False):
            scores[player].append(score)
    mean = {player: sum(s) / len(s) for player, s in scores.items() if s}
    order = sorted(scores, key=lambda i: (i not in mean, -mean.get(i, 0.0), i))
    lines = (Line(f"#{i}", _number(mean[i]) if i in mean else "–", "even" if i in mean else "failed") for i in order)
    return Box(x, TOP, tuple(lines), "mean score against player 0")


def _ranks(tournament: Tournament, rewards: Sequence[float | None], x: float) -> Box:
    order = sorted(range(len(rewards)), key=lambda i: (tournament.ranks[i] is None, tournament.ranks[i] or 0, i))
    lines = []
    for player in order:
        rank, reward = tournament.ranks[player], rewards[player]
        if rank is None or reward is None:
            lines.append(Line(f"#{player}", "no rank", "failed"))
        else:
            lines.append(Line(f"{rank + 1}. #{player}", f"{reward:.2f}", "won" if rank == 0 else "even"))
    return Box(x, TOP, tuple(lines))


def _table(drawing: Drawing, players: int, matches: Sequence[Match]) -> float:
    """Everybody's results against everybody, one column each; returns where it ends, less a column's width."""
    names, step = 38.0, 26.0
    found = {pair: match for match in matches for pair in (match.players, match.players[::-1])}
    for j in range(players):
        lines = []
        for i in range(players):
            if i == j:
                lines.append(Line("", "", "bye"))
                continue
            state = _line(found[i, j], i).state
            lines.append(Line({"won": "1", "lost": "0", "even": "½"}.get(state, "–"), "", state))
        drawing.boxes.append(Box(names + j * step, TOP, tuple(lines), f"all against #{j}", step - 2))
    drawing.boxes.append(Box(0.0, TOP, tuple(Line(f"#{i}", "", "even") for i in range(players)), width=names - 2))
    return names + players * step - WIDTH


def _number(score: float) -> str:
    return f"{score:.3g}"
