"""Curves as inline SVG that takes its text colour from the page, so that one file suits light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

INK = "#010203"
"""Stands for the text colour of the page in what matplotlib draws."""
COLOURS = ("#3b7dd8", "#d9822b", "#3a9d6e", "#b5508f", "#8a6fd1", "#a08a2c", "#5b9aa0", "#c4564a")
MAX_POINTS = 300
"""Points of one curve; longer ones are averaged in bins."""
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "agentrl",  # the same run gives the same file
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: the metrics whose names match, over wall time."""

    title: str
    pattern: str
    """Regular expression for whole metric names; its first group, if any, is the label of the curve."""
    percent: bool = False
    stacked: bool = False
    """Areas that add up instead of lines."""


PANELS = (
    Panel("Success on held-out games", r"(valid|test)/success", percent=True),
    Panel("Success and reward in training", r"rl/(success|reward)"),
    Panel("Loss of the warm start", r"warm_start/(loss)"),
    Panel("Loss of RL", r"rl/(loss|value_loss)"),
    Panel("Distance to the reference, and to the rollout policy", r"rl/(kl|approx_kl|logprob_gap|gate_gap)"),
    Panel("Age of trained tokens, in policy versions", r"staleness/(mean|max)"),
    Panel("Importance weights: effective sample, truncated, rejected", r"rl/importance_(ess|truncated|rejected)", True),
    Panel("Length of trained against played episodes; discarded tokens", r"length/(turns|tokens|discarded)"),
    Panel("Entropy", r"rl/(entropy)"),
    Panel("Dead groups, invalid actions, clipped tokens", r"rl/(dead_groups|invalid_actions|clip_fraction_\w+)", True),
    Panel("Dollars per RL step: of all who acted, of judges", r"(rl|judge)/money", stacked=True),
    Panel("Seconds per RL step", r"time/(wait|credit|train|publish)", stacked=True),
    Panel("Seconds per turn", r"turn/(queue|engine|environment)", stacked=True),
    Panel("Share of the time at work", r"(engine|trainer)/utilisation", percent=True),
)


def charts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(title, SVG) of every panel that has something to show.

    Args:
        rows: rows of `metrics.jsonl`, each with `seconds`.
    """
    with mpl.rc_context(STYLE):
        return [(panel.title, _draw(panel, curves)) for panel in PANELS if (curves := _curves(panel, rows))]


def _curves(panel: Panel, rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """label → (N, 2) minutes and values, in order of appearance."""
    pattern = re.compile(panel.pattern)
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None and (match := pattern.fullmatch(name)):
                points.setdefault(match[1], []).append((row["seconds"] / 60, value))
    return {label.replace("_", " "): np.asarray(xy, dtype=float) for label, xy in points.items()}


def _draw(panel: Panel, curves: Mapping[str, np.ndarray]) -> str:
    figure = Figure(figsize=(4.8, 2.6), layout="constrained")
    axes = figure.subplots()
    if panel.stacked:
        x = next(iter(curves.values()))[:, 0]
        heights = [np.interp(x, *_thin(xy).T) for xy in curves.values()]
        axes.stackplot(x, heights, labels=list(curves), colors=COLOURS, alpha=0.8)
    else:
        for colour, (label, xy) in zip(COLOURS, curves.items(), strict=False):
            few = len(xy) <= 40
            axes.plot(*_thin(xy).T, color=colour, lw=1.6, label=label, marker="o" if few else "", ms=3)
    axes.set_xlabel("minutes")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(visible=True)
    axes.margins(x=0.02)
    if panel.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(0, 1)
    if len(curves) > 1:
        axes.legend(loc="best", fontsize=8)
    return svg(figure, panel.title)


def _thin(xy: np.ndarray) -> np.ndarray:
    """At most `MAX_POINTS` points: the means of equal bins."""
    if len(xy) <= MAX_POINTS:
        return xy
    return np.stack([part.mean(axis=0) for part in np.array_split(xy, MAX_POINTS)])


def svg(figure: Figure, title: str) -> str:
    """The figure as an `<svg>` element whose ids are its own and whose ink is `currentColor`."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title})
    markup = text.getvalue()
    markup = markup[markup.index("<svg") :]
    prefix = re.sub(r"\W+", "-", title.lower()) + "-"
    rules: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
        (r"<metadata>.*?</metadata>", ""),
        (re.escape(INK), "currentColor"),
        (r'(\bid="|href="#|url\(#)', lambda m: m[1] + prefix),
        (r"font-family: [^;]*; ", ""),
        (r"<style.*?</style>", ""),
        (r'width="[\d.]+pt" height="[\d.]+pt"', f'role="img" aria-label="{title}"'),
    )
    for pattern, new in rules:
        markup = re.sub(pattern, new, markup, flags=re.DOTALL)
    return markup
