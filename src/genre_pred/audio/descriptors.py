"""Hand-made features of a clip, as the FMA data set defines them.

Defferrard et al., FMA: a dataset for music analysis, ISMIR 2017, and its features.py at
github.com/mdeff/fma: a spectral feature per frame, then seven statistics over the frames.
"""

from collections.abc import Callable

import librosa
import numpy as np
import pandas as pd

STATISTICS = ("mean", "std", "skew", "kurtosis", "median", "min", "max")
N_FFT = 2048
HOP_LENGTH = 512
N_MFCC = 20


def mfcc(samples: np.ndarray, sample_rate: int) -> pd.Series:
    """Summarise 20 mel-frequency cepstral coefficients.

    Args:
        samples: (n,) float32 mono, n at least 2048.
        sample_rate: In Hz.

    Returns:
        140 float32 values, named mfcc_STATISTIC_NUMBER with numbers 01..20, statistic by statistic.

    Raises:
        ValueError: If the samples are fewer than one FFT window.
    """
    if len(samples) < N_FFT:
        raise ValueError(f"{len(samples)} samples are too few: one window needs {N_FFT}")
    # Reflected edges, as librosa had them by default when FMA was measured; now it pads with zeros.
    spectrum = librosa.stft(samples, n_fft=N_FFT, hop_length=HOP_LENGTH, pad_mode="reflect")
    mel = librosa.feature.melspectrogram(S=np.abs(spectrum) ** 2, sr=sample_rate)
    coefficients = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=N_MFCC)
    return summarise_frames("mfcc", coefficients)


def summarise_frames(feature: str, values: np.ndarray) -> pd.Series:
    """Summarise each row of a feature over its frames by STATISTICS.

    Args:
        feature: Its name.
        values: (n_rows, n_frames), any float.

    Returns:
        (len(STATISTICS) * n_rows,) float32, in the order statistic, row. Skew and (excess) kurtosis
        of a row that does not vary are 0.
    """
    rows = values.astype(np.float64)
    mean = rows.mean(axis=1)
    centred = rows - mean[:, None]
    variance = np.square(centred).mean(axis=1)
    # What varies by less than float32 resolves does not vary; 0/0 would be NaN.
    varies = variance > np.square(np.finfo(np.float32).eps * mean)
    scale = np.where(varies, variance, 1.0)
    statistics = {
        "mean": mean,
        "std": np.sqrt(variance),
        "skew": np.where(varies, (centred**3).mean(axis=1) / scale**1.5, 0.0),
        "kurtosis": np.where(varies, (centred**4).mean(axis=1) / scale**2 - 3, 0.0),
        "median": np.median(rows, axis=1),
        "min": rows.min(axis=1),
        "max": rows.max(axis=1),
    }
    names = [f"{feature}_{name}_{i + 1:02d}" for name in STATISTICS for i in range(len(rows))]
    ordered = np.concatenate([statistics[name] for name in STATISTICS]).astype(np.float32)
    return pd.Series(ordered, index=names)


DESCRIPTORS: dict[str, Callable[[np.ndarray, int], pd.Series]] = {"mfcc": mfcc}
