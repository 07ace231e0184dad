"""What a reproduction found, as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from agentrl.agents.arena import fidelity
from agentrl.files import atomic_write
from agentrl.markdown import table
from agentrl.trainers.report_charts import COLOURS, STYLE, svg

REPORT = "report.html"


def markdown(result: Mapping[str, Any]) -> str:
    """All tables of a reproduction, each under the name of what it is about where there are several."""
    tables = {name: cells(panel) for name, panel in result["panels"].items()}
    tables |= {"tournaments": fidelity.cells(result["tournaments"])} if result["tournaments"] else {}
    return "\n\n".join(f"{name}\n\n{table(rows)}" if name else table(rows) for name, rows in tables.items())


def cells(panel: Mapping[str, Any]) -> list[list[str]]:
    """The arms of a panel as a table, its header first: before, after (mean ± standard deviation over seeds), steps to
    the target, and the further metrics."""
    arms: Mapping[str, Mapping[str, Any]] = panel["arms"]
    header = ["arm", f"{panel['metric']} before", "after", "each seed"]
    header += [f"steps to {panel['target']:g}"] if panel["target"] is not None else []
    header += [*next(iter(arms.values()))["also"], *(["published"] if panel["published"] else []), "minutes"]
    rows = []
    for name, arm in arms.items():
        row = [
            name,
            f"{np.mean(arm['before']):.3f}",
            f"{arm['mean']:.3f} ± {arm['spread']:.3f}",
            ", ".join(f"{value:.3f}" for value in arm["after"]),
        ]
        if panel["target"] is not None:
            row.append(", ".join("never" if steps is None else str(steps) for steps in arm["steps"]))
        row += ["–" if also is None else f"{also[0]:.3f} → {also[1]:.3f}" for also in arm["also"].values()]
        row += [panel["published"].get(name, "")] if panel["published"] else []
        rows.append([*row, f"{np.mean(arm['wall_s']) / 60:.1f}"])
    return [header, *rows]


def write_report(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write `report.html` beside `result.json`, and the chart of each panel as `curves.svg`, or `curves-<panel>.svg`.

    Returns:
        Where the page is.
    """
    panels = [(name, cells(panel), _chart(panel)) for name, panel in result["panels"].items()]
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.get_template("reproduce_report.html.jinja").render(
        result=result, panels=panels, tournaments=fidelity.cells(result["tournaments"])
    )
    files = {REPORT: page} | {f"curves-{name}.svg" if name else "curves.svg": chart for name, _, chart in panels}
    for name, text in files.items():
        with atomic_write(folder / name) as file:
            file.write(text.encode())
    return folder / REPORT


def _chart(panel: Mapping[str, Any]) -> str:
    """The metric on the validation split over generated tokens: a thin line for each seed, a thick one for the mean."""
    title = panel["metric"].replace("test/", "validation: ")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.subplots()
        for colour, (name, arm) in zip(COLOURS, panel["arms"].items(), strict=False):
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
