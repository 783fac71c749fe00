"""Positions of windows in a track: arithmetic on lengths in samples."""

import numpy as np


def window_starts(n_samples: int, window: int, count: int | None) -> list[int]:
    """Place windows in a track, without overlap, evenly and symmetric about its middle.

    The gaps before, between and after the windows are equal. A track shorter than two windows has
    one window, in its middle, whatever the count.

    Args:
        n_samples: Length of the track in samples.
        window: Length of a window in samples, at least 1.
        count: How many windows, at least 1, or None for as many whole ones as fit.

    Returns:
        Ascending first samples: `count`, or fewer if fewer whole windows fit, at least one.

    Raises:
        ValueError: If n_samples is negative, or window or count is below 1.
    """
    if n_samples < 0 or window < 1 or (count is not None and count < 1):
        raise ValueError(f"no windows of {window} samples, {count} times, in {n_samples} samples")
    n_fitting = max(1, n_samples // window)
    n_windows = n_fitting if count is None else min(count, n_fitting)
    free = max(0, n_samples - n_windows * window)
    return [free * (i + 1) // (n_windows + 1) + i * window for i in range(n_windows)]


def fit_length(samples: np.ndarray, window: int) -> np.ndarray:
    """Bring samples to the length of a window: repeat short ones from their start, cut long ones.

    Args:
        samples: (n,) with n at least 1.
        window: The length wanted, in samples.

    Returns:
        (window,) of the same dtype.

    Raises:
        ValueError: If there are no samples to repeat.
    """
    if not len(samples):
        raise ValueError(f"no samples to repeat to a length of {window}")
    return samples[:window] if len(samples) >= window else np.resize(samples, window)
