"""Leaderboards as Markdown tables, and the cells and footnotes of all other tables of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

Cell = Callable[[pd.Series], str]
LEFT_ALIGNED = ("model", "protocol", "by", "run", "note")
OPTIMISTIC = ", optimistic"
QUOTED = "Published accuracies, quoted, not measured here; each has its own protocol"
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def to_markdown(board: pd.DataFrame) -> str:
    """Write a leaderboard as a Markdown table, with its protocol below.

    Args:
        board: as `leaderboard.leaderboard` returns it.

    Returns:
        The text, without a final line break.
    """
    table = table_of(board, OF_A_RUN)
    return f"{table}\n\n{_footnote(board)}" if len(board) else table


def table_of(board: pd.DataFrame, columns: Mapping[str, Cell]) -> str:
    """Write rows as a Markdown table.

    Args:
        board: as `leaderboard.leaderboard` or `standings.standings` returns it.
        columns: header -> the cell of a row: OF_A_RUN, OF_ALL_RUNS, ESSENTIAL (the columns that
            fit a terminal) or, for published figures, PUBLISHED.

    Returns:
        The text, without a final line break.
    """
    rows = [[_escaped(cell(row)) for cell in columns.values()] for _, row in board.iterrows()]
    return pd.DataFrame(rows, columns=[*columns]).to_markdown(
        index=False,
        disable_numparse=True,
        colalign=["left" if name in LEFT_ALIGNED else "right" for name in columns],
    )


def _footnote(board: pd.DataFrame) -> str:
    first = board.iloc[0]
    counts = [int(board[name].max()) for name in ("clips", "test_clips", "test_seen")]
    return f"Protocol: {protocol_in_words(first['protocol'], first['artists'], *counts)}."


def protocol_in_words(
    protocol: str, artists: str, clips: int, test_clips: int, test_seen: int
) -> str:
    """Describe the protocol of scores: split, number of clips, test uses and bootstrap unit.

    Args:
        protocol: A description of the split.
        artists: The output of `leaderboard.artists_in_words`.
        clips, test_clips: Number of validation and test clips.
        test_seen: How many models have been scored on these test clips so far.
    """
    *reasons, rest = protocol.split(OPTIMISTIC)  # several reasons, but "optimistic" only once
    words = "".join(reasons) + OPTIMISTIC + rest if reasons else protocol
    words += f"; {clips} validation clips"
    if test_clips:
        seen_by = "1 model" if test_seen == 1 else f"{test_seen} models"
        words += f", {test_clips} test clips seen by {seen_by}"
    unit = "artists" if "grouped" in artists else "clips"
    if artists.startswith("partly"):
        unit = "artists, or clips where they are unknown"
    return f"{words}; intervals over {unit}"


def numbered(notes: pd.Series) -> tuple[list[list[int]], list[str]]:
    """Turn the notes of rows into footnotes.

    Args:
        notes: The remarks of each row, separated by "; "; missing if there are none.

    Returns:
        The footnote numbers of each row, from 1; and the footnotes, each once.
    """
    numbers = dict[str, int]()
    rows = []
    for note in notes:
        remarks = [] if pd.isna(note) else filter(None, str(note).split("; "))
        rows.append(sorted(numbers.setdefault(remark, len(numbers) + 1) for remark in remarks))
    return rows, [*numbers]


def with_marks(board: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Turn the notes of a table into footnotes.

    Returns:
        The board with a column `marks`, which the cell of the validation score shows; and the
        footnotes, each once.
    """
    rows, footnotes = numbered(board["note"])
    marks = [",".join(map(_mark, numbers)) for numbers in rows]
    return board.assign(marks=marks), [
        f"{_mark(number)} {note}" for number, note in enumerate(footnotes, 1)
    ]


def _mark(number: int) -> str:
    return str(number).translate(SUPERSCRIPT)


def _with_interval(split: str) -> Cell:
    def cell(row: pd.Series) -> str:
        mark = row.get("marks", "") if split == "validation" else ""
        if pd.isna(row[f"{split}_accuracy"]):
            return "-" if split == "test" else f"n/a{mark}"
        accuracy, low, high = (
            f"{row[f'{split}_{name}'] * 100:.1f}" for name in ("accuracy", "low", "high")
        )
        return f"{accuracy}{mark} [{low}, {high}]"

    return cell


def _number(column: str, factor: float, digits: int) -> Cell:
    def cell(row: pd.Series) -> str:
        return "-" if pd.isna(row[column]) else f"{row[column] * factor:.{digits}f}"

    return cell


def _text(column: str) -> Cell:
    return lambda row: "" if pd.isna(row[column]) else " ".join(str(row[column]).split())


def _duration(row: pd.Series) -> str:
    seconds: Any = row["train_seconds"]
    if pd.isna(seconds):
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _clips_per_second(row: pd.Series) -> str:
    seconds: Any = row.get("clip_seconds", float("nan"))  # missing in runs of earlier versions
    if pd.isna(seconds):
        return "-"
    return f"{1 / seconds:.{1 if seconds > 0.01 else 0}f}"


def _clips(row: pd.Series) -> str:
    validation = f"{row['clips']:.0f}"
    return f"{validation} + {row['test_clips']:.0f}" if row["test_clips"] else validation


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


MACRO_F1 = _number("validation_macro_f1", 100, 1)
LOG_LOSS = _number("validation_log_loss", 1, 3)
SIZE = _number("megabytes", 1, 1)
OF_A_RUN: Mapping[str, Cell] = {
    "model": _text("model"),
    "validation accuracy %": _with_interval("validation"),
    "macro F1 %": MACRO_F1,
    "log-loss": LOG_LOSS,
    "calibration error %": _number("validation_calibration_error", 100, 1),
    "test accuracy %": _with_interval("test"),
    "training": _duration,
    "size MB": SIZE,
    "note": _text("note"),
}
OF_ALL_RUNS: Mapping[str, Cell] = {
    "model": _text("model"),
    "validation %": _with_interval("validation"),
    "test %": _with_interval("test"),
    "macro F1 %": MACRO_F1,
    "log-loss": LOG_LOSS,
    "clips": _clips,  # validation + test
    "training": _duration,
    "clips/s": _clips_per_second,
    "size MB": SIZE,
    "published %": _number("published", 1, 1),
    "by": _text("by"),
    "run": _text("run"),
    "note": _text("note"),
}
_ESSENTIAL = ("model", "validation %", "test %", "macro F1 %", "training", "clips/s", "run")
ESSENTIAL: Mapping[str, Cell] = {name: OF_ALL_RUNS[name] for name in _ESSENTIAL}
PUBLISHED: Mapping[str, Cell] = {
    "model": _text("model"),
    "published %": _number("accuracy", 1, 1),
    "protocol": _text("protocol"),
    "by": _text("by"),
    "note": _text("note"),
}
