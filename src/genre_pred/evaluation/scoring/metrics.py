"""Metrics of predictions: of a model, of each genre, and of calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from genre_pred.evaluation.scoring.alignment import align, genre_columns


def score(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str]
) -> dict[str, float]:
    """Score one model's predictions.

    The macro F1 is the mean over the genres that occur in the truth, so that all models scored on
    the same clips have the same denominator.

    Args:
        predictions: clip_id and one probability column per genre, n rows.
        truth: clip_id, genre.
        genres: all k genres.

    Returns:
        accuracy, macro_f1 and calibration_error in [0, 1], log_loss in nats, n_clips.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres)
    predicted = aligned.probabilities.argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(aligned.targets, predicted)),
        "macro_f1": float(
            f1_score(
                aligned.targets,
                predicted,
                labels=np.unique(aligned.targets),
                average="macro",
                zero_division=0,
            )
        ),
        "log_loss": float(
            log_loss(aligned.targets, aligned.probabilities, labels=np.arange(len(genres)))
        ),
        "calibration_error": calibration_error(aligned.probabilities, aligned.targets),
        "n_clips": len(aligned.targets),
    }


def per_genre(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str]
) -> pd.DataFrame:
    """Score each genre by itself.

    Args:
        predictions: clip_id and one probability column per genre.
        truth: clip_id, genre.
        genres: all k genres.

    Returns:
        k rows in the order of the genres: genre, precision, recall, f1 in [0, 1], clips (true
        ones). A genre that is never predicted has precision 0; a genre without clips has NaN
        recall and f1.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres)
    precision, recall, f1, clips = precision_recall_fscore_support(
        aligned.targets,
        aligned.probabilities.argmax(axis=1),
        labels=np.arange(len(genres)),
        zero_division=0,
    )
    table = pd.DataFrame(
        {"genre": list(genres), "precision": precision, "recall": recall, "f1": f1, "clips": clips}
    )
    table.loc[table["clips"] == 0, ["recall", "f1"]] = np.nan
    return table


def confusion(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str]
) -> pd.DataFrame:
    """Compute the confusion matrix.

    Args:
        predictions: clip_id and one probability column per genre.
        truth: clip_id, genre.
        genres: all k genres.

    Returns:
        (k, k) int counts; rows are the true genres, columns the predicted ones.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres)
    counts = confusion_matrix(
        aligned.targets, aligned.probabilities.argmax(axis=1), labels=np.arange(len(genres))
    )
    return pd.DataFrame(
        counts,
        index=pd.Index(list(genres), name="true"),
        columns=pd.Index(list(genres), name="predicted"),
    )


def hits(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str] | None = None
) -> pd.Series:
    """Compute for each clip whether its predicted genre is correct.

    Args:
        predictions: clip_id and one probability column per genre.
        truth: clip_id, genre.
        genres: all k genres, whose order breaks ties; None takes the order of the columns.

    Returns:
        (n,) bool, indexed by clip_id, sorted.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres or genre_columns(predictions))
    return pd.Series(aligned.hits, index=pd.Index(aligned.clip_ids, name="clip_id"), name="hit")


def confidence_bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    """Assign each confidence to an equal-width bin: (0, 1/n], (1/n, 2/n] ...

    Args:
        confidence: (n,) in [0, 1].
        n_bins: number of bins, at least 1.

    Returns:
        (n,) int in [0, n_bins).
    """
    values: np.ndarray = np.digitize(confidence, np.linspace(0, 1, n_bins + 1)[1:-1], right=True)
    return values


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, n_bins: int = 15) -> float:
    """Compute the expected calibration error.

    It is the mean over clips of |accuracy - confidence| of the clip's bin; confidence is the
    probability of the predicted genre (Guo et al. 2017, "On Calibration of Modern Neural
    Networks", equation 3; their 15 bins).

    Args:
        probabilities: (n, k), rows sum to 1.
        targets: (n,) int.
        n_bins: number of equal-width bins.

    Returns:
        The error in [0, 1]; 0 is perfect.

    Raises:
        ValueError: there are no clips.
    """
    if not len(probabilities):
        raise ValueError("calibration_error needs at least one clip")
    gap = (probabilities.argmax(axis=1) == targets) - probabilities.max(axis=1)  # (n,)
    bins = confidence_bins(probabilities.max(axis=1), n_bins)
    return float(np.abs(np.bincount(bins, weights=gap)).sum() / len(gap))


def reliability(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str], n_bins: int = 10
) -> pd.DataFrame:
    """Compute the calibration curve: accuracy by confidence.

    Args:
        predictions: clip_id and one probability column per genre.
        truth: clip_id, genre.
        genres: all k genres.
        n_bins: number of equal-width bins of the confidence.

    Returns:
        One row per bin that holds clips, by rising confidence: confidence (mean), accuracy, both
        in [0, 1], and clips.

    Raises:
        ValueError: as `tables.align`.
    """
    aligned = align(predictions, truth, genres)
    confidence = aligned.probabilities.max(axis=1)
    clips = pd.DataFrame(
        {
            "bin": confidence_bins(confidence, n_bins),
            "confidence": confidence,
            "hit": aligned.hits.astype(float),
        }
    )
    table = clips.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("hit", "mean"), clips=("hit", "size")
    )
    return table.reset_index(drop=True)
