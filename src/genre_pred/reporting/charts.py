"""The report's charts: small SVGs that lie within the page and take on its colours.

Text stays text, and ink, grey and the series' colours are the page's own CSS variables, so that
one chart serves a light page, a dark one and paper.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from genre_pred.evaluation.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SPLIT_COLOURS,
    STYLE,
    colours_of,
)

PAGE_COLOURS = {
    INK: "currentColor",
    GREY: "var(--grey)",
    PALE: "var(--pale)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
    PURPLE: "var(--purple)",
}
INCHES = (4.4, 3.3)  # narrow enough that its text can be read on a phone


def calibration_chart(curve: pd.DataFrame, model: str) -> Markup:
    """Draw accuracy against confidence; on the diagonal a model is as sure as it may be.

    Args:
        curve: confidence, accuracy in [0, 1], clips, as `metrics.reliability` returns it.
        model: Whose it is, for those who cannot see it.
    """

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
        axes.plot(curve["confidence"], curve["accuracy"], color=BLUE, linewidth=1)
        sizes = 20 + 180 * curve["clips"] / curve["clips"].max()  # square points
        axes.scatter(curve["confidence"], curve["accuracy"], sizes, color=BLUE, alpha=0.7)
        axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.03), ylim=(-0.03, 1.05))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid()

    points = [
        f"{sure:.0%} sure, {right:.0%} right"
        for sure, right in zip(curve["confidence"], curve["accuracy"], strict=True)
    ]
    words = f"Calibration of {model}: {'; '.join(points)}."
    return _svg(draw, f"calibration of {model}", words)


def learning_chart(history: pd.DataFrame, figure: str, network: str) -> Markup:
    """Draw a network's accuracy or loss by epoch.

    Args:
        history: epoch, split, accuracy in [0, 1], loss in nats; one row per epoch and split.
        figure: "accuracy" or "loss".
        network: Whose it is.
    """
    curves = {
        split: history[history["split"] == split].sort_values("epoch")
        for split in colours_of([*history["split"].unique()], SPLIT_COLOURS)
    }

    def draw(axes: Axes) -> None:
        for split, colour in colours_of([*curves], SPLIT_COLOURS).items():
            curve = curves[split]
            axes.plot(curve["epoch"], curve[figure], "o-", color=colour, ms=4, label=split)
        axes.set(xlabel="epoch", ylabel="accuracy" if figure == "accuracy" else "loss (nats)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if figure == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        else:
            axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.legend()

    name = f"{figure} of {network}"
    told = [
        f"{split}: {', '.join(f'{value:.3g}' for value in curve[figure])}"
        for split, curve in curves.items()
    ]
    return _svg(draw, name, f"{name.capitalize()} by epoch. {'; '.join(told)}.")


def _svg(draw: Callable[[Axes], None], name: str, words: str) -> Markup:
    # A reader's own matplotlibrc must not change the bytes; the salt keeps the charts' ids apart.
    style: dict[Any, Any] = {**matplotlib.rcParamsDefault, **STYLE}
    style |= {"svg.fonttype": "none", "svg.hashsalt": name}
    del style["backend"]  # rc_context would not restore it
    text = io.StringIO()
    with matplotlib.rc_context(style):
        figure = Figure(figsize=INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return Markup(_of_the_page(text.getvalue(), words))


def _of_the_page(svg: str, words: str) -> str:
    """The <svg> element alone, in the page's colours, with words for those who cannot see it."""
    svg = svg[svg.index("<svg") :]
    for colour, ours in PAGE_COLOURS.items():
        svg = re.sub(colour, ours, svg, flags=re.IGNORECASE)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the same in every chart, and nothing points there
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(words)}" ', 1)
