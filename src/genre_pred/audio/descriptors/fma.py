"""FMA's hand-crafted features: eleven families, each summarised over frames by seven statistics.

Defferrard et al., FMA: a dataset for music analysis, ISMIR 2017, and its features.py at
github.com/mdeff/fma. FMA used librosa 0.5. Where the defaults have changed since, the old ones are
set here: reflected edges, a constant-Q chroma of 12 bins per octave, and the old rmse.
"""

import warnings
from collections.abc import Callable, Collection
from functools import cached_property

import librosa
import numpy as np
import pandas as pd

from genre_pred.core.librosa_loader import load_librosa

load_librosa()

STATISTICS = (
    "kurtosis",
    "max",
    "mean",
    "median",
    "min",
    "skew",
    "std",
)  # in FMA's order
N_FFT = 2048
HOP_LENGTH = 512
N_MFCC = 20
N_CHROMA = 12
N_OCTAVES = 7


class Sound:
    """The intermediate results of a clip, each computed once, on first use.

    Args:
        samples: (n,) float32 mono.
        sample_rate: In Hz.
    """

    def __init__(self, samples: np.ndarray, sample_rate: int) -> None:
        self.samples, self.sample_rate = samples, sample_rate

    @cached_property
    def magnitude(self) -> np.ndarray:
        """(1025, n_frames) magnitudes of the short-time Fourier transform."""
        values: np.ndarray = np.abs(
            librosa.stft(self.samples, n_fft=N_FFT, hop_length=HOP_LENGTH, pad_mode="reflect")
        )
        return values

    @cached_property
    def power(self) -> np.ndarray:
        """(1025, n_frames) squares of `magnitude`."""
        return self.magnitude**2

    @cached_property
    def constant_q(self) -> np.ndarray:
        """(84, n_frames) magnitudes of the constant-Q transform from C1, tuned to the clip."""
        transform = librosa.cqt(
            self.samples,
            sr=self.sample_rate,
            hop_length=HOP_LENGTH,
            n_bins=N_OCTAVES * N_CHROMA,
            bins_per_octave=N_CHROMA,
            tuning=None,
            pad_mode="reflect",
        )
        values: np.ndarray = np.abs(transform)
        return values

    @cached_property
    def chroma_cens(self) -> np.ndarray:
        """(12, n_frames) chroma smoothed over frames, also used by tonnetz."""
        return librosa.feature.chroma_cens(
            C=self.constant_q, n_chroma=N_CHROMA, bins_per_octave=N_CHROMA, n_octaves=N_OCTAVES
        )


def _chroma_cens(sound: Sound) -> np.ndarray:
    return sound.chroma_cens


def _chroma_cqt(sound: Sound) -> np.ndarray:
    return librosa.feature.chroma_cqt(
        C=sound.constant_q, n_chroma=N_CHROMA, bins_per_octave=N_CHROMA, n_octaves=N_OCTAVES
    )


def _chroma_stft(sound: Sound) -> np.ndarray:
    return librosa.feature.chroma_stft(S=sound.power, sr=sound.sample_rate, n_chroma=N_CHROMA)


def _mfcc(sound: Sound) -> np.ndarray:
    mel = librosa.feature.melspectrogram(S=sound.power, sr=sound.sample_rate)
    return librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=N_MFCC)


def _rmse(sound: Sound) -> np.ndarray:
    # Of the spectrum, as in librosa 0.5: today's librosa.feature.rms is scaled to the samples, and
    # is smaller by sqrt(2 * 1025) / 2048.
    values: np.ndarray = np.sqrt(sound.power.mean(axis=0, keepdims=True))
    return values


def _spectral_bandwidth(sound: Sound) -> np.ndarray:
    return librosa.feature.spectral_bandwidth(S=sound.magnitude, sr=sound.sample_rate)


def _spectral_centroid(sound: Sound) -> np.ndarray:
    return librosa.feature.spectral_centroid(S=sound.magnitude, sr=sound.sample_rate)


def _spectral_contrast(sound: Sound) -> np.ndarray:
    return librosa.feature.spectral_contrast(S=sound.magnitude, sr=sound.sample_rate, n_bands=6)


def _spectral_rolloff(sound: Sound) -> np.ndarray:
    return librosa.feature.spectral_rolloff(S=sound.magnitude, sr=sound.sample_rate)


def _tonnetz(sound: Sound) -> np.ndarray:
    return librosa.feature.tonnetz(chroma=sound.chroma_cens, sr=sound.sample_rate)


def _zcr(sound: Sound) -> np.ndarray:
    return librosa.feature.zero_crossing_rate(
        sound.samples, frame_length=N_FFT, hop_length=HOP_LENGTH
    )


FAMILIES: dict[str, Callable[[Sound], np.ndarray]] = {  # in the order of FMA's columns
    "chroma_cens": _chroma_cens,
    "chroma_cqt": _chroma_cqt,
    "chroma_stft": _chroma_stft,
    "mfcc": _mfcc,
    "rmse": _rmse,
    "spectral_bandwidth": _spectral_bandwidth,
    "spectral_centroid": _spectral_centroid,
    "spectral_contrast": _spectral_contrast,
    "spectral_rolloff": _spectral_rolloff,
    "tonnetz": _tonnetz,
    "zcr": _zcr,
}


def fma(
    samples: np.ndarray, sample_rate: int, families: Collection[str] = tuple(FAMILIES)
) -> pd.Series:
    """Compute FMA's features of a clip.

    Args:
        samples: (n,) float32 mono, n at least 2048.
        sample_rate: In Hz, at least 12,801; only spectral_contrast needs so much.
        families: The families wanted, in any order; only what they need is computed.

    Returns:
        Float32 values, 518 for all families, named FAMILY_STATISTIC_NUMBER with numbers from 01, in
        the order of FMA's features.csv.

    Raises:
        ValueError: If the samples are fewer than one FFT window.
    """
    if len(samples) < N_FFT:
        raise ValueError(f"{len(samples)} samples are too few: one window needs {N_FFT}")
    sound = Sound(samples, sample_rate)
    with warnings.catch_warnings():
        # librosa warns about silence, which has no pitch, and correctly assumes a tuning of 0.
        warnings.filterwarnings("ignore", "Trying to estimate tuning from empty frequency set")
        result: pd.Series = pd.concat(
            [
                summarise_frames(name, compute(sound))
                for name, compute in FAMILIES.items()
                if name in families
            ]
        )
        return result


def mfcc(samples: np.ndarray, sample_rate: int) -> pd.Series:
    """The mfcc family alone, 140 values: see `fma`."""
    return fma(samples, sample_rate, ["mfcc"])


def summarise_frames(feature: str, values: np.ndarray) -> pd.Series:
    """Summarise each row of a feature over its frames by STATISTICS.

    Args:
        feature: Name of the feature.
        values: (n_rows, n_frames), of any float dtype.

    Returns:
        (len(STATISTICS) * n_rows,) float32, ordered by statistic, then row. Skew and (excess)
        kurtosis of a constant row are 0.
    """
    rows = values.astype(np.float64)
    mean = rows.mean(axis=1)
    centred = rows - mean[:, None]
    variance = np.square(centred).mean(axis=1)
    # Variation below the resolution of float32 counts as none; 0/0 would be NaN.
    varies = variance > np.square(np.finfo(np.float32).eps * mean)
    scale = np.where(varies, variance, 1.0)
    statistics = {
        "kurtosis": np.where(varies, (centred**4).mean(axis=1) / scale**2 - 3, 0.0),
        "max": rows.max(axis=1),
        "mean": mean,
        "median": np.median(rows, axis=1),
        "min": rows.min(axis=1),
        "skew": np.where(varies, (centred**3).mean(axis=1) / scale**1.5, 0.0),
        "std": np.sqrt(variance),
    }
    names = [f"{feature}_{name}_{i + 1:02d}" for name in STATISTICS for i in range(len(rows))]
    ordered = np.concatenate([statistics[name] for name in STATISTICS]).astype(np.float32)
    return pd.Series(ordered, index=names)
