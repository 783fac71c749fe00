"""From scores of windows to scores of clips, and to calibrated probabilities."""

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from genre_pred.core.tables import VALIDATION
from genre_pred.training.calibration.temperature import (
    cross_fitted_probabilities,
    scores_of,
    softmax,
)

PARTS = 5  # of the validation clips, each calibrated on the others


def windows_to_clips(scores: np.ndarray, clip_ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Average the log-probabilities of each clip's windows.

    Args:
        scores: (n_rows, n_genres), logits or log-probabilities.
        clip_ids: (n_rows,), the clip of each row.

    Returns:
        (n_clips, n_genres) log-probabilities, and the clips in order of appearance.
    """
    log_probabilities = log_softmax(scores.astype(np.float64), axis=1)
    mean = pd.DataFrame(log_probabilities).groupby(clip_ids, sort=False).mean()
    return mean.to_numpy(), list(mean.index)


def calibrate(
    scores: np.ndarray, targets: np.ndarray, predicted: pd.DataFrame
) -> tuple[np.ndarray, float]:
    """Turn the scores of clips into probabilities; no clip has a part in its own temperature.

    With folds, each fold's temperature is fitted on the other folds. Without folds, the
    temperature of the test clips is fitted on all validation clips, and that of a validation clip
    on the validation clips of other artists. If these temperatures do not lower the log-loss of
    the validation (or out-of-fold) clips, the temperature is 1.

    Args:
        scores: (n_clips, n_genres).
        targets: (n_clips,) int.
        predicted: (n_clips,) rows of clip_id, artist (or NA), split, fold.

    Returns:
        (n_clips, n_genres) probabilities, and the temperature for new clips.
    """
    folds = predicted["fold"].to_numpy()
    if (folds >= 0).all():
        return _cross_fitted_where_it_helps(scores, targets, folds)
    validation = predicted["split"].to_numpy(dtype=object) == VALIDATION
    artists = predicted["artist"].astype("string").fillna(predicted["clip_id"].astype("string"))
    _, parts = np.unique(artists[validation].to_numpy(dtype=object), return_inverse=True)
    of_validation, temperature = _cross_fitted_where_it_helps(
        scores[validation], targets[validation], parts % PARTS
    )
    probabilities = softmax(scores, temperature)
    probabilities[validation] = of_validation
    return probabilities, temperature


def _cross_fitted_where_it_helps(
    scores: np.ndarray, targets: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, float]:
    """`cross_fitted_probabilities`, or temperature 1 if its log-loss is no higher."""
    plain = softmax(scores)
    if len(np.unique(parts)) < 2:  # cross-fitting is impossible
        return plain, 1.0
    probabilities, temperature = cross_fitted_probabilities(scores, targets, parts)
    if _log_loss(probabilities, targets) < _log_loss(plain, targets):
        return probabilities, temperature
    return plain, 1.0


def _log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    return float(-scores_of(probabilities)[np.arange(len(targets)), targets].mean())
