"""The log-mel spectrogram of each family of networks."""

from functools import lru_cache

import numpy as np

from genre_pred.audio.logmel.mel_bands import BLOCK_FRAMES, MelBands, htk_bands, mel_spectrogram
from genre_pred.core.librosa_loader import load_librosa


def vggish_log_mel(waveform: np.ndarray) -> np.ndarray:
    """Compute VGGish's log-mel spectrogram.

    The constants are from vggish_params.py and mel_features.py of
    github.com/tensorflow/models/tree/master/research/audioset/vggish.

    Args:
        waveform: (samples,) float32 at 16 kHz, at least 400 samples, in -1..1.

    Returns:
        (frames, 64) float32, natural logarithms, a frame every 10 ms.
    """
    samples = np.ascontiguousarray(waveform, np.float32)
    log_mel = mel_spectrogram(samples, _periodic_hann(400), 160, 512, _vggish_bands(), power=False)
    log_mel += np.float32(0.01)
    values: np.ndarray = np.log(log_mel, out=log_mel)
    return values


def efficientat_log_mel(waveform: np.ndarray) -> np.ndarray:
    """Compute EfficientAT's log-mel spectrogram.

    The constants are from models/preprocess.py of github.com/fschmid56/EfficientAT, in evaluation
    mode: pre-emphasis, centred frames, power, Kaldi's mel bands.

    Args:
        waveform: (samples,) float32 at 32 kHz, at least 2 samples, in -1..1.

    Returns:
        (ceil(samples / 320), 128) float32, about -1.8..3, a frame every 10 ms.
    """
    import torch  # slow to import, and only this front end needs it

    samples = np.ascontiguousarray(waveform, np.float32)
    emphasised = samples[1:] - np.float32(0.97) * samples[:-1]  # one sample less
    frames = torch.from_numpy(np.pad(emphasised, 512, mode="reflect")).unfold(0, 1024, 320)
    window = torch.nn.functional.pad(torch.hann_window(800, periodic=False), (112, 112))
    bands = _efficientat_bands()
    bins = slice(bands.first_bin, bands.first_bin + len(bands.weights))
    log_mel = np.empty((len(frames), bands.weights.shape[1]), np.float32)
    for start in range(0, len(frames), BLOCK_FRAMES):
        # torch's float32 FFT, as in the reference: in the silent bands of a pure tone its rounding
        # shows. There an exact FFT differs by up to 2e-4, and so does another processor.
        spectrum = torch.fft.rfft(frames[start : start + BLOCK_FRAMES] * window)[:, bins].numpy()
        power = spectrum.real**2 + spectrum.imag**2
        np.matmul(power, bands.weights, out=log_mel[start : start + BLOCK_FRAMES])
    log_mel += np.float32(1e-5)
    np.log(log_mel, out=log_mel)
    log_mel += np.float32(4.5)
    log_mel /= np.float32(5)
    return log_mel


def decibel_mel(waveform: np.ndarray) -> np.ndarray:
    """Compute the usual mel spectrogram for pictures: librosa's, in decibels.

    Equals librosa.feature.melspectrogram (n_fft 2048, hop 512, 128 bands) followed by
    librosa.power_to_db without top_db.

    Args:
        waveform: (samples,) float32 at 22,050 Hz, in -1..1.

    Returns:
        (samples // 512 + 1, 128) float32, dB, not below -100, a frame every 23 ms.
    """
    centred = np.pad(np.asarray(waveform, np.float32), 1024)
    mel = mel_spectrogram(centred, _periodic_hann(2048), 512, 2048, _librosa_bands(), power=True)
    np.maximum(mel, np.float32(1e-10), out=mel)
    np.log10(mel, out=mel)
    mel *= np.float32(10)
    return mel


def _periodic_hann(length: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


@lru_cache(maxsize=1)
def _vggish_bands() -> MelBands:
    return htk_bands(16_000, 512, n_mels=64, fmin=125.0, fmax=7500.0)


@lru_cache(maxsize=1)
def _efficientat_bands() -> MelBands:
    return htk_bands(32_000, 1024, n_mels=128, fmin=0.0, fmax=15_000.0)


@lru_cache(maxsize=1)
def _librosa_bands() -> MelBands:
    load_librosa()  # slow, and only this front end needs it
    from librosa.filters import mel

    return MelBands.of(mel(sr=22_050, n_fft=2048, n_mels=128).T)
