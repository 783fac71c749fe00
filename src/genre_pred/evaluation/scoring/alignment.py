"""Align predictions with the truth: one check and one order for all scores.

The arrays are sorted by clip_id, so that no score, interval or decision depends on the order of
rows and columns in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

KEY_COLUMNS = ("clip_id", "split", "fold")  # every other column of a predictions table is a genre
SUM_TOLERANCE = 1e-3  # float16 probabilities of 10 genres still sum to 1 within this
NAMES_IN_A_MESSAGE = 5


@dataclass(frozen=True)
class Aligned:
    """Predictions and truth of the same clips, in the order of their clip_ids.

    Attributes:
        clip_ids: (n,) object, sorted.
        probabilities: (n, k) float64, rows sum to 1, columns in the order of the genres.
        targets: (n,) int64, the true genre as an index into the genres.
        truth: the n rows of the truth table, in the same order, with a fresh index.
    """

    clip_ids: np.ndarray
    probabilities: np.ndarray
    targets: np.ndarray
    truth: pd.DataFrame

    @property
    def hits(self) -> np.ndarray:
        """(n,) bool, whether the most probable genre (ties: the first) is the true one."""
        values: np.ndarray = self.probabilities.argmax(axis=1) == self.targets
        return values


def genre_columns(predictions: pd.DataFrame) -> list[str]:
    """Return the genres of a predictions table, in the order of its columns."""
    return [column for column in predictions.columns if column not in KEY_COLUMNS]


def align(predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str]) -> Aligned:
    """Align each prediction with the true genre of its clip.

    Args:
        predictions: clip_id and one probability column per genre; split and fold are optional.
        truth: clip_id, genre and, where known, artist; it may hold more clips than predicted.
        genres: the k genres, in the order of the targets.

    Returns:
        The aligned arrays, n = number of predictions.

    Raises:
        ValueError: there are no predictions; a clip occurs twice or has no truth; a genre of the
            clips or of the columns is unknown, or lacks a column; a row is no probability
            distribution. The message names the rows or genres.
    """
    if not len(predictions):
        raise ValueError("no predictions to score")
    _refuse("clip_ids predicted twice", _duplicates(predictions["clip_id"]))
    _refuse("clip_ids twice in the truth", _duplicates(truth["clip_id"]))
    _refuse("genres listed twice", _duplicates(pd.Series(list(genres), dtype=object)))
    columns = genre_columns(predictions)
    _refuse("predicted genres that are unknown", [name for name in columns if name not in genres])
    _refuse("genres without a column of predictions", [g for g in genres if g not in columns])

    clip_ids = predictions["clip_id"].to_numpy(dtype=object)
    positions = pd.Index(truth["clip_id"].to_numpy(dtype=object)).get_indexer(clip_ids)  # (n,)
    _refuse("predicted clip_ids without truth", list(clip_ids[positions < 0]))
    order = np.argsort(clip_ids.astype(str), kind="stable")
    rows = truth.iloc[positions[order]].reset_index(drop=True)
    names = rows["genre"].to_numpy(dtype=object)
    targets = pd.Index(list(genres)).get_indexer(names)
    _refuse("unknown genres in the truth", sorted({str(name) for name in names[targets < 0]}))

    probabilities = predictions[list(genres)].to_numpy(dtype=np.float64)[order]  # (n, k)
    sums = probabilities.sum(axis=1)
    # these comparisons are False for NaN
    valid = (probabilities >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_TOLERANCE)
    _refuse("clip_ids whose row is no probability distribution", list(clip_ids[order][~valid]))
    return Aligned(
        clip_ids=clip_ids[order],
        probabilities=probabilities / sums[:, None],
        targets=targets.astype(np.int64),
        truth=rows,
    )


def _duplicates(names: pd.Series) -> list[str]:
    return sorted(set(names[names.duplicated()].astype(str)))


def _refuse(what: str, names: Sequence[object]) -> None:
    if len(names):
        first = ", ".join(map(str, names[:NAMES_IN_A_MESSAGE]))
        more = f" and {len(names) - NAMES_IN_A_MESSAGE} more" * (len(names) > NAMES_IN_A_MESSAGE)
        raise ValueError(f"{what}: {first}{more}")
