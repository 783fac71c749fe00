"""The report's charts: small inline SVGs in the colours of the page.

Text stays text, and all colours are CSS variables of the page, so that one chart works in light
mode, in dark mode and on paper.
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
INCHES = (4.4, 3.3)  # narrow enough to be readable on a phone


def calibration_chart(curve: pd.DataFrame, model: str) -> Markup:
    """Draw the calibration curve: accuracy against confidence.

    Args:
        curve: confidence, accuracy in [0, 1], clips, from `metrics.reliability`.
        model: The model's name, for the text alternative.
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
        f"confidence {confidence:.0%}, accuracy {accuracy:.0%}"
        for confidence, accuracy in zip(curve["confidence"], curve["accuracy"], strict=True)
    ]
    words = f"Calibration of {model}: {'; '.join(points)}."
    return _svg(draw, f"calibration of {model}", words)


def learning_chart(history: pd.DataFrame, figure: str, network: str) -> Markup:
    """Draw a network's accuracy or loss by epoch.

    Args:
        history: epoch, split, accuracy in [0, 1], loss in nats; one row per epoch and split.
        figure: "accuracy" or "loss".
        network: The network's name.
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
    values = [
        f"{split}: {', '.join(f'{value:.3g}' for value in curve[figure])}"
        for split, curve in curves.items()
    ]
    return _svg(draw, name, f"{name.capitalize()} by epoch. {'; '.join(values)}.")


def _svg(draw: Callable[[Axes], None], name: str, words: str) -> Markup:
    # A user's matplotlibrc must not change the bytes; the salt makes ids differ between charts.
    style: dict[Any, Any] = {**matplotlib.rcParamsDefault, **STYLE}
    style |= {"svg.fonttype": "none", "svg.hashsalt": name}
    del style["backend"]  # rc_context would not restore it
    text = io.StringIO()
    with matplotlib.rc_context(style):
        figure = Figure(figsize=INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=no_metadata)
    return Markup(_inline(text.getvalue(), words))


def _inline(svg: str, words: str) -> str:
    """The <svg> element with the page's colours and a text alternative."""
    svg = svg[svg.index("<svg") :]
    for colour, variable in PAGE_COLOURS.items():
        svg = re.sub(colour, variable, svg, flags=re.IGNORECASE)
    svg = re.sub(
        r'<g id="[^"]*"', "<g", svg
    )  # these ids repeat in every chart and are never referenced
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(words)}" ', 1)
