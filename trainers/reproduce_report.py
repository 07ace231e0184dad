"""What a reproduction found, as a Markdown table and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from agentrl.files import atomic_write
from agentrl.trainers.report_charts import COLOURS, STYLE, svg

REPORT, CURVES = "report.html", "curves.svg"


def table(result: Mapping[str, Any]) -> str:
    """The arms as a Markdown table: before, after (mean ± standard deviation over seeds), and the further metrics."""
    arms: Mapping[str, Mapping[str, Any]] = result["arms"]
    also = list(next(iter(arms.values()))["also"])
    lines = [
        "| arm | " + " | ".join([f"{result['metric']} before", "after", "each seed", *also, "minutes"]) + " |",
        "|" + "---|" * (5 + len(also)),
    ]
    for name, arm in arms.items():
        cells = [
            f"{np.mean(arm['before']):.3f}",
            f"**{arm['mean']:.3f}** ± {arm['spread']:.3f}",
            ", ".join(f"{value:.3f}" for value in arm["after"]),
            *(f"{early:.3f} → {late:.3f}" for early, late in arm["also"].values()),
            f"{np.mean(arm['wall_s']) / 60:.1f}",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_report(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write `report.html`, and its chart as `curves.svg`, beside `result.json`; return where the page is."""
    chart = _chart(result)
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.get_template("reproduction.html.jinja").render(result=result, chart=chart)
    for name, text in ((REPORT, page), (CURVES, chart)):
        with atomic_write(folder / name) as file:
            file.write(text.encode())
    return folder / REPORT


def _chart(result: Mapping[str, Any]) -> str:
    """The metric on the validation split over generated tokens: a thin line for each seed, a thick one for the mean."""
    title = result["metric"].replace("test/", "validation: ")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.subplots()
        for colour, (name, arm) in zip(COLOURS, result["arms"].items(), strict=False):
            curves = [np.asarray(curve) for curve in arm["curve"] if curve]
            for curve in curves:
                axes.plot(*curve.T, color=colour, lw=0.7, alpha=0.4)
            if curves:
                shortest = min(len(curve) for curve in curves)
                axes.plot(*np.mean([c[:shortest] for c in curves], axis=0).T, color=colour, lw=1.8, label=name)
        axes.set_xlabel("action tokens generated in RL")
        axes.grid(visible=True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="best", fontsize=8)
        return svg(figure, title)
