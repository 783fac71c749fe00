"""The 57 features of features_30_sec.csv, a table that is distributed with GTZAN.

librosa computes them with its defaults at 22,050 Hz: mean and variance of eight features over
frames (of the harmonic and the percussive part over samples), the tempo, and mean and variance of
20 MFCCs.
"""

import warnings

import librosa
import numpy as np
import pandas as pd

from genre_pred.core.librosa_loader import load_librosa

load_librosa("librosa.beat")

N_FFT = 2048
HOP_LENGTH = 512
N_MFCC = 20


def gtzan(samples: np.ndarray, sample_rate: int) -> pd.Series:
    """Compute the features of GTZAN's table for a clip.

    Args:
        samples: (n,) float32 mono, n at least 2048.
        sample_rate: In Hz.

    Returns:
        57 float32 values with the names and order of GTZAN's table: chroma_stft_mean to mfcc20_var.

    Raises:
        ValueError: If the samples are fewer than one FFT window.
    """
    if len(samples) < N_FFT:
        raise ValueError(f"{len(samples)} samples are too few: one window needs {N_FFT}")
    rate = sample_rate
    spectrum = librosa.stft(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
    magnitude = np.abs(spectrum)
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=magnitude**2, sr=rate))
    harmonic, percussive = librosa.decompose.hpss(spectrum)
    with warnings.catch_warnings():
        # librosa warns about silence, which has no pitch, and correctly assumes a tuning of 0.
        warnings.filterwarnings("ignore", "Trying to estimate tuning from empty frequency set")
        chroma = librosa.feature.chroma_stft(S=magnitude**2, sr=rate)
    over_frames = {
        "chroma_stft": chroma,
        "rms": librosa.feature.rms(y=samples),
        "spectral_centroid": librosa.feature.spectral_centroid(S=magnitude, sr=rate),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=magnitude, sr=rate),
        "rolloff": librosa.feature.spectral_rolloff(S=magnitude, sr=rate),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(samples),
        "harmony": librosa.istft(harmonic, hop_length=HOP_LENGTH, length=len(samples)),
        "perceptr": librosa.istft(percussive, hop_length=HOP_LENGTH, length=len(samples)),
    }
    onsets = librosa.onset.onset_strength(S=mel, sr=rate, aggregate=np.median)
    tempo, _ = librosa.beat.beat_track(onset_envelope=onsets, sr=rate)
    cepstrum = librosa.feature.mfcc(S=mel, n_mfcc=N_MFCC)
    coefficients = {f"mfcc{number}": row for number, row in enumerate(cepstrum, start=1)}
    values = {
        **_mean_and_variance(over_frames),
        "tempo": float(np.squeeze(tempo)),
        **_mean_and_variance(coefficients),
    }
    return pd.Series(values).astype(np.float32)


def _mean_and_variance(features: dict[str, np.ndarray]) -> dict[str, float]:
    """NAME_mean and NAME_var of each feature over all its values."""
    return {
        f"{name}_{statistic}": float(summarise(values.astype(np.float64)))
        for name, values in features.items()
        for statistic, summarise in (("mean", np.mean), ("var", np.var))
    }
