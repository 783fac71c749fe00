"""Windows: hand-computed places, symmetry, no overlap, and lengths made to fit."""

import itertools

import numpy as np
import pytest

from genre_pred.audio.decoding.windows import fit_length, window_starts


@pytest.mark.parametrize(
    ("n_samples", "window", "count", "starts"),
    [
        (100, 10, 1, [45]),
        (100, 10, 2, [26, 63]),  # 80 free samples in three gaps: 26 + 10 + 27 + 10 + 27
        (100, 30, None, [2, 35, 67]),
        (100, 30, 9, [2, 35, 67]),
        (100, 50, None, [0, 50]),
        (99, 50, None, [24]),
        (99, 50, 1, [24]),
        (100, 100, None, [0]),
        (60, 100, None, [0]),
        (60, 100, 3, [0]),
        (0, 100, 1, [0]),
    ],
)
def test_places_computed_by_hand(
    n_samples: int, window: int, count: int | None, starts: list[int]
) -> None:
    assert window_starts(n_samples, window, count) == starts


def test_windows_lie_inside_apart_and_symmetric() -> None:
    for n_samples in range(0, 400, 7):
        for window in (1, 10, 33):
            for count in (None, 1, 2, 5, 100):
                starts = window_starts(n_samples, window, count)
                assert len(starts) == max(1, min(count or n_samples, n_samples // window))
                assert starts[0] >= 0
                assert starts[-1] + window <= max(n_samples, window)
                assert all(b - a >= window for a, b in itertools.pairwise(starts))
                for start, mirrored in zip(starts, reversed(starts), strict=True):
                    assert 0 <= max(n_samples - window, 0) - start - mirrored <= 1


def test_short_tracks_give_training_and_prediction_the_same_window() -> None:
    for n_samples in range(1, 200):
        assert window_starts(n_samples, 100, None) == window_starts(n_samples, 100, 1)


@pytest.mark.parametrize(("n_samples", "window", "count"), [(-1, 5, 1), (10, 0, 1), (10, 5, 0)])
def test_impossible_windows_are_refused(n_samples: int, window: int, count: int) -> None:
    with pytest.raises(ValueError, match="no windows"):
        window_starts(n_samples, window, count)


def test_short_samples_are_repeated_from_their_start_and_long_ones_cut() -> None:
    samples = np.array([1, 2, 3], np.float32)
    np.testing.assert_array_equal(fit_length(samples, 8), [1, 2, 3, 1, 2, 3, 1, 2])
    np.testing.assert_array_equal(fit_length(samples, 2), [1, 2])
    np.testing.assert_array_equal(fit_length(samples, 3), samples)
    assert fit_length(samples, 8).dtype == np.float32
    with pytest.raises(ValueError, match="no samples"):
        fit_length(samples[:0], 8)
