"""Scores of clips as means over windows, and their calibration."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.training.calibration.clip_scores import calibrate, windows_to_clips
from genre_pred.training.calibration.temperature import fit_temperature, softmax


def test_windows_are_averaged_as_log_probabilities():
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    scores, clips = windows_to_clips(np.log(probabilities), np.array(["b", "a", "b"], object))
    assert clips == ["b", "a"]
    np.testing.assert_allclose(np.exp(scores), [[np.sqrt(0.1), np.sqrt(0.4)], [0.9, 0.1]])


def test_one_window_keeps_its_probabilities_whatever_the_level_of_its_logits():
    scores = np.array([[1.0, 2.0, 4.0]], np.float32)
    for shift in (0, 1000, -1000):
        found, _ = windows_to_clips(scores + np.float32(shift), np.array(["a"], object))
        np.testing.assert_allclose(np.exp(found).sum(), 1)
        np.testing.assert_allclose(found[0, 2] - found[0, 0], 3, atol=1e-4)


def test_a_window_s_level_does_not_weigh():
    # Both windows have the same log-odds; only one has a large common offset.
    scores = np.array([[0.0, 1.0], [500.0, 499.0]])
    found, _ = windows_to_clips(scores, np.array(["a", "a"], object))
    np.testing.assert_allclose(found[0, 0], found[0, 1])


def scored(temperature, n=400, split="validation"):
    """Scores whose softmax at the temperature is how the targets are drawn, of 40 artists."""
    rng = np.random.default_rng(0)
    scores = 3 * rng.normal(size=(n, 5))
    chances = softmax(scores, temperature).cumsum(axis=1)
    targets = (rng.random((n, 1)) > chances).sum(axis=1)
    rows = {"clip_id": np.arange(n).astype(str), "artist": (np.arange(n) % 40).astype(str)}
    return scores, targets, pd.DataFrame(rows).assign(split=split, fold=-1)


def test_a_temperature_is_kept_where_it_lowers_the_log_loss_of_others():
    scores, targets, rows = scored(2.5)
    probabilities, temperature = calibrate(scores, targets, rows)
    assert temperature == fit_temperature(scores, targets)
    assert not np.allclose(probabilities, softmax(scores))
    scores, targets, rows = scored(2.5)
    _, of_folds = calibrate(scores, targets, rows.assign(fold=np.arange(400) % 4))
    assert of_folds == temperature


@pytest.mark.parametrize("fold", [-1, 0])
def test_without_a_gain_on_other_clips_the_temperature_is_1(fold):
    # Six clips, of which the wrong one is another in each part: each part misleads the other.
    scores = 2 * np.eye(3)[[0, 1, 2, 0, 1, 2]]
    targets = np.array([0, 1, 2, 1, 2, 0])
    rows = pd.DataFrame({"clip_id": list("abcdef"), "artist": list("aaabbb")})
    parts = [0, 0, 0, 1, 1, 1] if fold == 0 else [-1] * 6
    probabilities, temperature = calibrate(
        scores, targets, rows.assign(split="validation", fold=parts)
    )
    assert temperature == 1.0
    np.testing.assert_array_equal(probabilities, softmax(scores))


def test_one_artist_gives_no_temperature():
    scores, targets, rows = scored(2.5, 20)
    _, temperature = calibrate(scores, targets, rows.assign(artist="one"))
    assert temperature == 1.0
