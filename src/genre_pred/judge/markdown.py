"""The leaderboard as a table that people read in a README, an issue or a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

HEADER = (
    "model",
    "validation accuracy %",
    "macro F1 %",
    "log-loss",
    "calibration error %",
    "test accuracy %",
    "training",
    "size MB",
    "note",
)
LEFT_ALIGNED = ("model", "note")


def to_markdown(board: pd.DataFrame) -> str:
    """Write a leaderboard as a compact Markdown table, with its protocol below.

    Args:
        board: as `leaderboard.leaderboard` returns it.

    Returns:
        The text, without a final line break.
    """
    lines: list[Sequence[str]] = [HEADER, *(_cells(row) for _, row in board.iterrows())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    rule = [
        "-" * width if name in LEFT_ALIGNED else "-" * (width - 1) + ":"
        for name, width in zip(HEADER, widths, strict=True)
    ]
    table = "\n".join(_line(cells, widths) for cells in [lines[0], rule, *lines[1:]])
    return f"{table}\n\n{_footnote(board)}" if len(board) else table


def _cells(row: pd.Series) -> tuple[str, ...]:
    return (
        _text(row["model"]),
        _with_interval(row, "validation"),
        _number(row["validation_macro_f1"], 100, 1),
        _number(row["validation_log_loss"], 1, 3),
        _number(row["validation_calibration_error"], 100, 1),
        _with_interval(row, "test"),
        _duration(row["train_seconds"]),
        _number(row["megabytes"], 1, 1),
        _text(row["note"]),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if name in LEFT_ALIGNED else cell.rjust(width)
        for cell, width, name in zip(cells, widths, HEADER, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _footnote(board: pd.DataFrame) -> str:
    first = board.iloc[0]
    words = f"Protocol: {first['protocol']}; artists {first['artists']}; "
    words += f"{int(board['clips'].max())} validation clips"
    if test_clips := int(board["test_clips"].max()):
        words += f", {test_clips} test clips that {int(first['test_seen'])} candidates have seen"
    return f"{words}. In brackets the interval over artists, or over clips where they are unknown."


def _with_interval(row: pd.Series, split: str) -> str:
    if pd.isna(row[f"{split}_accuracy"]):
        return "-" if split == "test" else "n/a"
    accuracy, low, high = (
        _number(row[f"{split}_{name}"], 100, 1) for name in ("accuracy", "low", "high")
    )
    return f"{accuracy} [{low}, {high}]"


def _number(value: Any, factor: float, digits: int) -> str:
    return "-" if pd.isna(value) else f"{value * factor:.{digits}f}"


def _duration(seconds: Any) -> str:
    if pd.isna(seconds):
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else " ".join(str(value).replace("|", "\\|").split())
