"""Frontiers of routers, drawn, as tables and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from agentrl.files import atomic_write
from agentrl.trainers.frontier import ENDS, Point, hull
from agentrl.trainers.report_charts import COLOURS, STYLE, svg


def chart(found: Mapping[str, Any]) -> str:
    """An SVG of the points of `sweep`, with the frontier that each family makes with the two ends."""
    points = [Point(**record) for record in found["points"]]
    ends = [p for p in points if p.family == ENDS]
    families = [family for family in found["areas"] if family != ENDS]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        axes = figure.subplots()
        for colour, family in zip(COLOURS, families, strict=False):
            own = [p for p in points if p.family == family]
            axes.plot(*np.transpose(hull([*ends, *own])), color=colour, lw=1.3, alpha=0.8)
            axes.scatter([p.money for p in own], [p.success for p in own], color=colour, s=16, label=family)
        for end in ends:
            axes.scatter([end.money], [end.success], color=STYLE["text.color"], s=30, marker="D", zorder=3)
            axes.annotate(f"{ENDS} {end.setting}", (end.money, end.success), (6, -10), textcoords="offset points")
        axes.set_xlabel("dollars per episode")
        axes.set_ylabel("success")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(visible=True)
        axes.legend(loc="best", fontsize=8)
        return svg(figure, "success against cost")


def frontier_table(found: Mapping[str, Any]) -> str:
    """All points of `sweep` and the area of each family, as a Markdown table."""
    lines = ["| router | setting | success | dollars | dear turns | area |", "|---|---|---|---|---|---|"]
    for p in found["points"]:
        area = f"{found['areas'][p['family']]:.3f}"
        lines.append(
            f"| {p['family']} | {p['setting']} | {p['success']:.3f} | {p['money']:.6f} | {p['dear']:.0%} | {area} |"
        )
    return "\n".join(lines)


def budget_table(found: Mapping[str, Any]) -> str:
    """Success under each hard budget, and the dearest episode in shares of it, as a Markdown table."""
    budgets = found["budgets"]
    header = [f"{b['share']:.0%} (${b['dollars']:.6f})" for b in budgets]
    lines = ["| router | setting | " + " | ".join(header) + " |", "|" + "---|" * (2 + len(budgets))]
    for row in zip(*(b["points"] for b in budgets), strict=True):
        cells = [f"{p['success']:.3f} (≤ {p['most'] / p['budget']:.0%})" for p in row]
        lines.append(f"| {row[0]['family']} | {row[0]['setting']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_frontier(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write `report.html`, and its chart as `frontier.svg`, into a folder; return where the page is.

    Args:
        result: of `agentrl.trainers.reproduce_bopo`.
    """
    drawn = chart(result["frontier"])
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.get_template("frontier.html.jinja").render(result=result, chart=drawn)
    for name, text in (("report.html", page), ("frontier.svg", drawn)):
        with atomic_write(folder / name) as file:
            file.write(text.encode())
    return folder / "report.html"
