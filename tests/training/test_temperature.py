"""Temperature scaling: known temperatures are recovered on held-out clips."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax

from genre_pred.evaluation.scoring.metrics import reliability
from genre_pred.training.calibration.temperature import (
    cross_fitted_probabilities,
    fit_temperature,
    scores_of,
    softmax,
)


def clips_of(temperature, n_clips, n_genres=8, seed=0):
    """Scores whose softmax at the temperature is exactly how the targets are drawn."""
    rng = np.random.default_rng(seed)
    scores = 3 * rng.normal(size=(n_clips, n_genres))
    chances = softmax(scores, temperature).cumsum(axis=1)
    return scores, (rng.random((n_clips, 1)) > chances).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
def test_a_known_temperature_is_recovered(temperature):
    scores, targets = clips_of(temperature, 8000)
    assert fit_temperature(scores, targets) == pytest.approx(temperature, rel=0.06)


def test_the_log_loss_is_smallest_at_the_temperature():
    scores, targets = clips_of(2.0, 3000, seed=1)

    def log_loss(temperature):
        return -log_softmax(scores / temperature, axis=1)[np.arange(3000), targets].mean()

    grid = np.geomspace(0.01, 100, 4001)
    best = min(map(log_loss, grid))
    assert log_loss(fit_temperature(scores, targets)) == pytest.approx(best, abs=1e-5)


def test_confidence_on_n_correct_clips_is_about_1_minus_1_over_n():
    scores = 5 * np.eye(4)[np.arange(20) % 4]
    probabilities = softmax(scores, fit_temperature(scores, np.arange(20) % 4))
    assert 0.93 < probabilities.max() < 0.98


@pytest.mark.parametrize(
    ("scores", "targets"),
    [
        (1e6 * np.eye(3), np.arange(3)),  # perfectly separated, huge
        (1e6 * np.eye(3), np.array([1, 2, 0])),  # perfectly wrong
        (np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])),  # all the same
        (np.tile([9.0, 0.0, 0.0], (6, 1)), np.zeros(6, int)),  # a single class
        (scores_of(np.eye(3)), np.arange(3)),  # probabilities of exactly 0 and 1
        (np.array([[1.0, 2.0]]), np.array([1])),
    ],
)
def test_degenerate_scores_stay_within_bounds(scores, targets):
    temperature = fit_temperature(scores, targets)
    assert 0.01 <= temperature <= 100
    assert np.isfinite(softmax(scores, temperature)).all()


def test_scores_and_softmax_are_inverse():
    probabilities = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(softmax(scores_of(probabilities)), probabilities, atol=1e-11)
    assert softmax(np.array([[1000.0, 0.0]])).tolist() == [[1.0, 0.0]]


def test_no_clip_calibrates_itself():
    scores, targets = clips_of(2.0, 400, seed=2)
    folds = np.arange(400) % 4
    before, _ = cross_fitted_probabilities(scores, targets, folds)
    others = targets.copy()
    others[folds == 2] = (others[folds == 2] + 1) % 8
    after, _ = cross_fitted_probabilities(scores, others, folds)
    np.testing.assert_array_equal(after[folds == 2], before[folds == 2])
    assert np.abs(after - before)[folds != 2].max() > 0.01


def test_cross_fitting_uses_the_other_folds_temperature_and_returns_that_of_all():
    scores, targets = clips_of(3.0, 600, seed=3)
    folds = np.repeat([5, 7], 300)
    probabilities, temperature = cross_fitted_probabilities(scores, targets, folds)
    own = folds == 5
    expected = softmax(scores[own], fit_temperature(scores[~own], targets[~own]))
    np.testing.assert_array_equal(probabilities[own], expected)
    assert temperature == fit_temperature(scores, targets)
    assert (probabilities.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_refusals():
    with pytest.raises(ValueError, match="at least two folds"):
        cross_fitted_probabilities(np.eye(2), np.arange(2), np.zeros(2))
    with pytest.raises(ValueError, match="at least one clip"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[-np.inf, 0.0]]), np.array([1]))


def test_reliability_by_hand():
    truth = pd.DataFrame({"clip_id": list("abcd"), "genre": ["x", "x", "y", "x"]})
    predictions = pd.DataFrame({"clip_id": list("abcd"), "x": [0.92, 0.96, 0.94, 0.4]})
    predictions["y"] = 1 - predictions["x"]
    table = reliability(predictions, truth, ["x", "y"])
    np.testing.assert_allclose(table["confidence"], [0.6, 0.94])
    np.testing.assert_allclose(table["accuracy"], [0, 2 / 3])
    assert list(table["clips"]) == [1, 3]
