"""The style of all plots, with colours that colour-blind readers can distinguish.

The colours are those of Okabe and Ito (2008, "Color Universal Design").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#56B4E9"
INK, GREY, PALE = "#222222", "#767676", "#E4E4E4"
APPROACH_COLOURS = {"embedding": BLUE, "finetune": ORANGE, "descriptors": GREEN, "baseline": GREY}
SPLIT_COLOURS = {"train": BLUE, "validation": ORANGE, "test": GREEN}
OTHER_COLOURS = (PURPLE, SKY, "#E69F00", GREY)
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that all machines have it
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.constrained_layout.w_pad": 0.12,  # inches
    "figure.constrained_layout.h_pad": 0.12,
}


def title_of(axes: Axes, title: str, pad: float = 8, size: float = 12) -> None:
    axes.set_title(title, pad=pad, fontsize=size)


def legend_below(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    figure.legend(handles, labels, loc="outside lower center", ncols=max(1, len(labels)))


def colours_of(names: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(names) - set(known))
    spare = {name: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, name in enumerate(unknown)}
    ordered = [name for name in known if name in names] + unknown
    return {name: known.get(name) or spare[name] for name in ordered}
