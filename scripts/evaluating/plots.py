"""The report's plots, as SVG inside its page: the page's own colours, the same bytes each time."""

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.evaluating.record import Bin, Point

# Stand-ins that the page's colours take the place of, light or dark.
INK, LINE, ACCENT = "#010101", "#020202", "#030303"
VARIABLES = {INK: "var(--ink)", LINE: "var(--line)", ACCENT: "var(--accent)"}
STYLE: dict[Any, Any] = {  # matplotlib's names
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SIZE = (4.6, 3.1)  # inches of 72 points: fits a phone without being made smaller than can be read


def reliability(bins: Sequence[Bin]) -> str:
    """How often it was right over how sure it was; below, how many pictures that were."""
    with _style("reliability"):
        figure = Figure(SIZE, layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        low = [one["low"] for one in bins]
        widths = [one["high"] - one["low"] for one in bins]
        look = {"align": "edge", "color": ACCENT, "edgecolor": LINE}
        top.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--")
        top.bar(low, [one["accuracy"] for one in bins], widths, **look)
        top.set(ylabel="right", ylim=(0, 1))
        bottom.bar(low, [one["pictures"] for one in bins], widths, **look)
        bottom.set(xlabel="its confidence", ylabel="pictures", xlim=(0, 1))
        top.yaxis.set_major_formatter(_percent)
        bottom.xaxis.set_major_formatter(_percent)
        return _svg(figure, "Share of right answers over the model's confidence")


def learning_curve(points: Sequence[Point]) -> str:
    with _style("curve"):
        figure = Figure(SIZE, layout="constrained")
        axes: Axes = figure.subplots()
        axes.errorbar(
            [one["pictures"] for one in points],
            [one["accuracy"] for one in points],
            [one["deviation"] for one in points],
            color=ACCENT,
            marker="o",
            markersize=4,
            capsize=3,
        )
        axes.set(xlabel="pictures a class", ylabel="right", xscale="log")
        axes.set_xticks([one["pictures"] for one in points], minor=False)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.yaxis.set_major_formatter(_percent)
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        return _svg(figure, "Share of right answers over the number of pictures a class")


def _percent(value: float, _: float) -> str:
    return f"{value * 100:g} %"


def _style(salt: str) -> AbstractContextManager[None]:
    """salt: for the names inside the SVG, which must not be another plot's."""
    return mpl.rc_context({**STYLE, "svg.hashsalt": salt})


def _svg(figure: Figure, title: str) -> str:
    data = io.StringIO()
    figure.savefig(
        data, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    text = data.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style.*?</defs>", "", text, count=1, flags=re.DOTALL)
    # Names that nothing refers to, and that both plots have.
    text = re.sub(r' id="[\w.]+_\d+"', "", text)
    text = re.sub("|".join(VARIABLES), lambda match: VARIABLES[match[0]], text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
