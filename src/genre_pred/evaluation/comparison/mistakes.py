"""Where a model is wrong: which clips it finds hardest, and which genres it takes for others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from genre_pred.evaluation.scoring.alignment import align


def hardest_clips(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str], n: int
) -> pd.DataFrame:
    """The clips whose true genre a model finds least probable.

    Args:
        predictions: clip_id and one probability column per genre.
        truth: clip_id, path, genre.
        genres: all k genres.
        n: how many at most.

    Returns:
        clip_id, path, genre, probability (of it), predicted, its probability as confidence, both
        in [0, 1]; the hardest first, of equals by clip_id.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres)
    rows = np.arange(len(aligned.targets))
    guesses = aligned.probabilities.argmax(axis=1)  # (n_clips,)
    table = aligned.truth[["clip_id", "path", "genre"]].assign(
        probability=aligned.probabilities[rows, aligned.targets],
        predicted=[genres[guess] for guess in guesses],
        confidence=aligned.probabilities[rows, guesses],
    )
    return table.sort_values("probability", kind="stable").head(n).reset_index(drop=True)


def most_confused(confusion: pd.DataFrame, n: int) -> pd.DataFrame:
    """The pairs of genres of which one is most often taken for the other.

    Args:
        confusion: (k, k) counts, rows true, columns predicted, as `metrics.confusion` returns it.
        n: how many at most.

    Returns:
        genre, predicted, clips (that many), share (of the true genre's clips, in [0, 1]); most
        clips first, then the larger share, then by name.
    """
    counts = confusion.to_numpy()
    of_genre = counts.sum(axis=1)
    rows = [
        (genre, predicted, int(counts[i, j]), counts[i, j] / of_genre[i])
        for i, genre in enumerate(confusion.index)
        for j, predicted in enumerate(confusion.columns)
        if i != j and counts[i, j]
    ]
    table = pd.DataFrame(rows, columns=["genre", "predicted", "clips", "share"])
    by, rising = ["clips", "share", "genre", "predicted"], [False, False, True, True]
    return table.sort_values(by, ascending=rising).head(n).reset_index(drop=True)
