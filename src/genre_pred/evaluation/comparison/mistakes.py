"""The mistakes of a model: its hardest clips, and the genres that it confuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from genre_pred.evaluation.scoring.alignment import align


def hardest_clips(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str], n: int
) -> pd.DataFrame:
    """The clips whose true genre has the lowest predicted probability.

    Args:
        predictions: clip_id and one probability column per genre.
        truth: clip_id, path, genre.
        genres: all k genres.
        n: number of clips, at most.

    Returns:
        clip_id, path, genre, probability (of the true genre), predicted, confidence (probability
        of the predicted genre), both in [0, 1]; the hardest first, ties by clip_id.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres)
    rows = np.arange(len(aligned.targets))
    predicted = aligned.probabilities.argmax(axis=1)  # (n_clips,)
    table = aligned.truth[["clip_id", "path", "genre"]].assign(
        probability=aligned.probabilities[rows, aligned.targets],
        predicted=[genres[index] for index in predicted],
        confidence=aligned.probabilities[rows, predicted],
    )
    return table.sort_values("probability", kind="stable").head(n).reset_index(drop=True)


def most_confused(confusion: pd.DataFrame, n: int) -> pd.DataFrame:
    """The pairs of genres that are confused most often.

    Args:
        confusion: (k, k) counts, rows true, columns predicted, as `metrics.confusion` returns it.
        n: number of pairs, at most.

    Returns:
        genre, predicted, clips (their number), share (of the true genre's clips, in [0, 1]);
        sorted by clips and share, largest first, then by name.
    """
    counts = confusion.to_numpy()
    genre_clips = counts.sum(axis=1)
    rows = [
        (genre, predicted, int(counts[i, j]), counts[i, j] / genre_clips[i])
        for i, genre in enumerate(confusion.index)
        for j, predicted in enumerate(confusion.columns)
        if i != j and counts[i, j]
    ]
    table = pd.DataFrame(rows, columns=["genre", "predicted", "clips", "share"])
    by, ascending = ["clips", "share", "genre", "predicted"], [False, False, True, True]
    return table.sort_values(by, ascending=ascending).head(n).reset_index(drop=True)
