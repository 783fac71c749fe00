"""A clip's score is the mean of its windows' log-probabilities."""

import numpy as np

from genre_pred.scores import windows_to_clips


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
