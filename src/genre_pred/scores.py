"""From the scores of windows to the scores of clips, and to calibrated probabilities."""

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from genre_pred.clips import VALIDATION
from genre_pred.judge.calibration import (
    cross_fitted_probabilities,
    fit_temperature,
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
    """Turn the scores of clips into probabilities; no clip calibrates itself.

    With folds, each fold's temperature is chosen on the others. Without, that of the test clips
    is chosen on validation, and that of the validation clips on other artists' validation clips.

    Args:
        scores: (n_clips, n_genres).
        targets: (n_clips,) int.
        predicted: (n_clips,) rows of clip_id, artist (or NA), split, fold.

    Returns:
        (n_clips, n_genres) probabilities, and the temperature for clips still to come.
    """
    folds = predicted["fold"].to_numpy()
    if (folds >= 0).all():
        return cross_fitted_probabilities(scores, targets, folds)
    validation = predicted["split"].to_numpy(dtype=object) == VALIDATION
    temperature = fit_temperature(scores[validation], targets[validation])
    probabilities = softmax(scores, temperature)
    artists = predicted["artist"].astype("string").fillna(predicted["clip_id"].astype("string"))
    _, parts = np.unique(artists[validation].to_numpy(dtype=object), return_inverse=True)
    if parts.max() > 0:
        probabilities[validation], _ = cross_fitted_probabilities(
            scores[validation], targets[validation], parts % PARTS
        )
    return probabilities, temperature
