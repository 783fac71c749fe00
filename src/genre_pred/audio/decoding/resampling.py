"""Resampling of waveforms."""

import numpy as np
import soxr


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Change the sample rate (soxr HQ: linear phase, stop band below -140 dB).

    Args:
        samples: (n,) float32 at from_rate.
        from_rate: In Hz.
        to_rate: In Hz.

    Returns:
        (about n * to_rate / from_rate,) float32; the samples themselves where the rates are equal.
    """
    if from_rate == to_rate:
        return samples
    values: np.ndarray = soxr.resample(
        samples.astype(np.float32, copy=False), from_rate, to_rate, quality="HQ"
    )
    return values
