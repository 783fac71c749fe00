"""The plots of a report: each function draws one table as one PNG with reproducible bytes.

No function changes matplotlib's global state.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from genre_pred.evaluation.plots.style import (
    APPROACH_COLOURS,
    GREY,
    INK,
    SPLIT_COLOURS,
    STYLE,
    colours_of,
    legend_below,
    title_of,
)

DOTS_PER_INCH = 130
MOST_GENRES_WITH_NUMBERS = 16


def draw_confusion(confusion: pd.DataFrame, path: Path, title: str) -> None:
    """Draw a confusion matrix with shares of the true genre, and counts.

    Args:
        confusion: (k, k) counts, rows true, columns predicted, as `metrics.confusion` returns it.
        path: PNG to write.
        title: title of the plot.
    """
    counts = confusion.to_numpy(dtype=float)
    clips = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, clips, out=np.zeros_like(counts), where=clips > 0)
    side = float(np.clip(0.72 * len(counts), 4.0, 14.0))

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        names = [f"{name} ({int(n)})" for name, n in zip(confusion.index, clips[:, 0], strict=True)]
        axes.set_yticks(range(len(counts)), names)
        columns = [str(name) for name in confusion.columns]
        axes.set_xticks(
            range(len(counts)), columns, rotation=40, ha="right", rotation_mode="anchor"
        )
        axes.set(xlabel="predicted genre", ylabel="true genre (clips)")
        title_of(axes, textwrap.fill(title, int(9 * side)))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(len(counts) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(counts) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
        if len(counts) <= MOST_GENRES_WITH_NUMBERS:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    colour = "white" if shares[row, column] > 0.55 else INK
                    _cell(axes, row, column, shares[row, column], int(count), colour)
        bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, format=PercentFormatter(1.0))
        bar.set_label("share of the true genre's clips")
        bar.outline.set_visible(False)

    longest = 0.08 * max(len(str(name)) for name in confusion.index)  # inches of a tick label
    _write(path, (side + longest + 2.4, side + longest + 0.8), draw, layout="compressed")


def draw_learning_curves(history: pd.DataFrame, path: Path) -> None:
    """Draw accuracy and loss by epoch; mark the epoch with the best validation accuracy.

    Args:
        history: epoch, split, accuracy in [0, 1], loss in nats.
        path: PNG to write.
    """

    def draw(figure: Figure) -> None:
        accuracy, loss = figure.subplots(1, 2)
        colours = colours_of(list(history["split"].unique()), SPLIT_COLOURS)
        for split, colour in colours.items():
            curve = history[history["split"] == split].sort_values("epoch")
            for axes, column in ((accuracy, "accuracy"), (loss, "loss")):
                axes.plot(curve["epoch"], curve[column], "o-", color=colour, ms=4, label=split)
        for axes, label in ((accuracy, "accuracy"), (loss, "loss (nats)")):
            axes.set(xlabel="epoch", ylabel=label)
            title_of(axes, label.split(" ")[0].capitalize())
            axes.grid(axis="y")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        loss.set_ylim(bottom=0)
        validation = history[history["split"] == "validation"].dropna(subset=["accuracy"])
        if len(validation):
            best = validation.iloc[int(validation["accuracy"].argmax())]
            for axes in (accuracy, loss):
                axes.axvline(best["epoch"], color=GREY, linestyle="--", linewidth=1, zorder=0)
            label = f"best validation: {best['accuracy']:.1%}, epoch {best['epoch']:g}"
            accuracy.plot([], [], color=GREY, linestyle="--", linewidth=1, label=label)
        legend_below(figure, *accuracy.get_legend_handles_labels())

    _write(path, (9.5, 4.3), draw)


def draw_class_distribution(clips: pd.DataFrame, path: Path) -> None:
    """Draw the number of clips of each genre and split.

    Args:
        clips: genre, split, clips (a count).
        path: PNG to write.
    """
    table = clips.pivot_table(index="genre", columns="split", values="clips", aggfunc="sum")
    table = table.fillna(0)
    known = [split for split in SPLIT_COLOURS if split in table.columns]
    table = table[known + [split for split in table.columns if split not in known]]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        left = np.zeros(len(table))
        names = [str(name) for name in table.index]
        for split, colour in colours_of(list(table.columns), SPLIT_COLOURS).items():
            axes.barh(names, table[split], left=left, height=0.7, color=colour, label=split)
            left += table[split].to_numpy()
        for place, total in enumerate(left):
            axes.annotate(
                f"{int(total):,}",
                (total, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=INK,
            )
        axes.invert_yaxis()
        axes.set(xlabel="clips", xlim=(0, left.max() * 1.1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        title_of(axes, "Clips per genre")
        legend_below(figure, *axes.get_legend_handles_labels())

    _write(path, (8.0, 1.7 + 0.36 * len(table)), draw)


def draw_genre_spectrograms(
    log_mels: Mapping[str, np.ndarray], path: Path, hop_seconds: float
) -> None:
    """Draw one log-mel spectrogram of each genre, all on one colour scale.

    Args:
        log_mels: genre -> (frames, n_mels), natural logarithms.
        path: PNG to write.
        hop_seconds: time between two frames.

    Raises:
        ValueError: log_mels is empty.
    """
    if not log_mels:
        raise ValueError("no spectrogram to draw")
    columns = min(len(log_mels), 5 if len(log_mels) % 4 and len(log_mels) > 8 else 4)
    rows = -(-len(log_mels) // columns)
    pixels = np.concatenate([np.asarray(mel, dtype=float).ravel() for mel in log_mels.values()])
    # percentiles, so that a few silent or clipped pixels do not widen the scale
    low, high = np.percentile(pixels, [1, 99.5])

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.ravel()[len(log_mels) :]:
            axes.set_axis_off()
        for axes, (genre, log_mel) in zip(grid.ravel(), log_mels.items(), strict=False):
            frames, n_mels = log_mel.shape
            image = axes.imshow(
                np.asarray(log_mel, dtype=float).T,  # (n_mels, frames)
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=low,
                vmax=high,
                extent=(0, frames * hop_seconds, 0, n_mels),
                interpolation="nearest",
            )
            title_of(axes, genre, size=10)
            axes.spines[:].set_visible(False)
        for place, axes in enumerate(grid.ravel()[: len(log_mels)]):
            if place + columns >= len(log_mels):
                axes.set_xlabel("time (s)")
                axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("mel band")
        bar = figure.colorbar(image, ax=grid.ravel().tolist(), fraction=0.03, pad=0.02)
        bar.set_label("log-mel (natural logarithm)")
        bar.outline.set_visible(False)

    _write(path, (2.7 * columns + 1.0, 2.0 * rows + 0.6), draw)


def draw_leaderboard(board: pd.DataFrame, path: Path) -> None:
    """Draw every model's validation accuracy with its interval, and test accuracy if scored.

    Baselines are drawn as vertical lines.

    Args:
        board: as `leaderboard.leaderboard` returns it; models without a score are left out.
        path: PNG to write.

    Raises:
        ValueError: no model has a score.
    """
    scored = board[board["validation_accuracy"].notna()]
    if scored.empty:
        raise ValueError("no model of the leaderboard has a score to draw")
    baselines = scored[scored["approach"] == "baseline"].sort_values("validation_accuracy")
    models = scored[scored["approach"] != "baseline"]
    if models.empty:
        models, baselines = baselines, models

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (_, baseline) in enumerate(baselines.iterrows()):
            axes.axvline(baseline["validation_accuracy"], color=GREY, linestyle="--", linewidth=1.2)
            axes.annotate(
                baseline["model"],
                (baseline["validation_accuracy"], 1),
                xytext=(
                    0,
                    3 + 11 * (len(baselines) - 1 - place),
                ),  # one line each, so that labels never overlap
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="left",
                fontsize=8,
                color=GREY,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )
        colours = colours_of(list(models["approach"].unique()), APPROACH_COLOURS)
        for place, (_, row) in enumerate(models.iterrows()):
            colour = colours[row["approach"]]
            ends = row["validation_low"], row["validation_high"]
            axes.hlines(place, *ends, colour, linewidth=5, alpha=0.3)
            axes.plot(row["validation_accuracy"], place, "o", color=colour, ms=7)
            if pd.notna(row["test_accuracy"]):
                axes.hlines(place + 0.3, row["test_low"], row["test_high"], INK, linewidth=1)
                axes.plot(row["test_accuracy"], place + 0.3, "D", mfc="white", mec=INK, ms=5)
        axes.set_yticks(range(len(models)), models["model"])
        axes.set_ylim(len(models) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(axis="x")
        first = scored.iloc[0]
        axes.set_xlabel(
            f"accuracy and its interval; {int(scored['clips'].max())} validation clips; "
            f"{first['protocol']}; artists {first['artists']}"
        )
        title_of(axes, "Leaderboard", pad=8 + 11 * len(baselines))
        handles = [
            Line2D([], [], color=colour, marker="o", linewidth=2, label=f"{name}, validation", ms=7)
            for name, colour in colours.items()
        ]
        if models["test_accuracy"].notna().any():
            diamond: dict[str, Any] = {"marker": "D", "mfc": "white", "mec": INK, "ms": 5}
            handles.append(Line2D([], [], color=INK, linewidth=1, label="test", **diamond))
        legend_below(figure, handles, [str(handle.get_label()) for handle in handles])

    _write(path, (9.0, 2.0 + 0.1 * len(baselines) + 0.34 * len(models)), draw)


def _cell(axes: Axes, row: int, column: int, share: float, count: int, colour: str) -> None:
    axes.text(column, row - 0.1, f"{share:.0%}", ha="center", va="center", color=colour)
    axes.text(column, row + 0.27, f"{count}", ha="center", va="center", color=colour, fontsize=7)


def _write(
    path: Path,
    inches: tuple[float, float],
    draw: Callable[[Figure], None],
    layout: Literal["constrained", "compressed"] = "constrained",
) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    # a user's matplotlibrc must not change the bytes
    style: dict[Any, Any] = {**matplotlib.rcParamsDefault, **STYLE}
    del style["backend"]  # rc_context would not restore it
    with matplotlib.rc_context(style):
        figure = Figure(figsize=inches, dpi=DOTS_PER_INCH, layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(unfinished, format="png", metadata={"Software": None})
    unfinished.replace(path)
