"""Temperature scaling: one temperature per model, fitted on held-out clips.

It divides the scores by one number before the softmax, which changes a model's confidence but
never its predicted genre (Guo et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax

TEMPERATURES = (0.01, 100.0)  # from scores times 100 to a practically uniform distribution
SMALLEST_PROBABILITY = 1e-12


def scores_of(probabilities: np.ndarray) -> np.ndarray:
    """Return scores whose softmax at temperature 1 gives the probabilities back.

    Args:
        probabilities: (n, k), rows sum to 1.

    Returns:
        (n, k) natural logarithms, never below log(1e-12).
    """
    values: np.ndarray = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, None))
    return values


def softmax(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the probabilities of scores at a temperature.

    Args:
        scores: (n, k), any real numbers.
        temperature: above 0; above 1 lowers the confidence.

    Returns:
        (n, k), rows sum to 1.
    """
    values: np.ndarray = scipy_softmax(np.asarray(scores, dtype=np.float64) / temperature, axis=1)
    return values


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature with the smallest log-loss.

    A pseudo-clip with equal weight on all genres is added to the n clips. It hardly moves the
    optimum of hundreds of clips, and keeps a model that is right on all of few clips from full
    confidence (on n clips, its confidence is about 1 - 1/n).

    Args:
        scores: (n, k), finite.
        targets: (n,) int in [0, k).

    Returns:
        A temperature in [0.01, 100].

    Raises:
        ValueError: there are no clips, or a score is not finite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not len(scores):
        raise ValueError("a temperature needs at least one clip")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite to fit a temperature")
    rows = np.arange(len(scores))

    def loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(scores / np.exp(log_temperature), axis=1)
        pseudo_clip = log_probabilities.mean()
        total = log_probabilities[rows, targets].sum() + pseudo_clip
        return float(-total / (len(scores) + 1))

    # convex in 1/T, so there is a single minimum
    low, high = np.log(TEMPERATURES)
    optimum = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(optimum.x), *TEMPERATURES))


def cross_fitted_probabilities(
    scores: np.ndarray, targets: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, float]:
    """Calibrate each fold with a temperature chosen on the other folds only.

    Args:
        scores: (n, k), finite, each row by a model that has not seen its clip.
        targets: (n,) int in [0, k).
        folds: (n,) labels, at least two different ones.

    Returns:
        (n, k) probabilities, each with a temperature that its own fold had no part in, and the
        temperature of all clips together, for use on new clips.

    Raises:
        ValueError: there is one fold only, or as `fit_temperature`.
    """
    scores, targets, folds = np.asarray(scores), np.asarray(targets), np.asarray(folds)
    names = np.unique(folds)
    if len(names) < 2:
        raise ValueError(f"cross-fitting needs at least two folds, not {len(names)}")
    probabilities = np.empty(scores.shape, dtype=np.float64)
    for name in names:
        own = folds == name
        probabilities[own] = softmax(scores[own], fit_temperature(scores[~own], targets[~own]))
    return probabilities, fit_temperature(scores, targets)
