"""Mel spectrograms, computed a block of frames at a time; shared by all front ends."""

from dataclasses import dataclass

import numpy as np

BLOCK_FRAMES = 128  # a block's spectra fit the second-level cache; bounds memory too


@dataclass(frozen=True)
class MelBands:
    """Triangular filters over FFT bins.

    Attributes:
        first_bin: The lowest bin with a nonzero weight.
        weights: (bins, n_mels) float32, starting at the first bin.
    """

    first_bin: int
    weights: np.ndarray

    @classmethod
    def of(cls, triangles: np.ndarray) -> "MelBands":
        """Drop the bins at both ends without weight in any band: (n_fft / 2 + 1, n_mels)."""
        used = np.flatnonzero(triangles.any(axis=1))
        first_bin, last_bin = int(used[0]), int(used[-1])
        return cls(first_bin, triangles[first_bin : last_bin + 1].astype(np.float32))


def htk_bands(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> MelBands:
    """Triangular filters whose sides are linear in mel, not in Hz, as in HTK and Kaldi.

    Args:
        sample_rate: In Hz.
        n_fft: FFT length in samples.
        n_mels: Number of bands.
        fmin: Lower edge of the lowest band, in Hz.
        fmax: Upper edge of the highest band, in Hz.

    Returns:
        The bands; the DC bin has no weight.
    """
    bins = _hertz_to_htk(np.linspace(0, sample_rate / 2, n_fft // 2 + 1))[:, None]
    edges = np.linspace(_hertz_to_htk(fmin), _hertz_to_htk(fmax), n_mels + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    # (n_fft / 2 + 1, n_mels)
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0
    return MelBands.of(triangles)


def mel_spectrogram(
    samples: np.ndarray,
    window: np.ndarray,
    hop_length: int,
    n_fft: int,
    bands: MelBands,
    *,
    power: bool,
) -> np.ndarray:
    """Compute the mel spectrogram of every whole window; for centred frames, pad first.

    Args:
        samples: (n,) float32, at least one window.
        window: (win_length,) float64, at most n_fft.
        hop_length: In samples.
        n_fft: In samples.
        bands: The mel bands.
        power: Whether to sum power instead of magnitude.

    Returns:
        (frames, n_mels) float32.
    """
    win_length = len(window)
    # (frames, win_length), a view
    frames = np.lib.stride_tricks.sliding_window_view(samples, win_length)[::hop_length]
    bins = slice(bands.first_bin, bands.first_bin + len(bands.weights))
    mel = np.empty((len(frames), bands.weights.shape[1]), np.float32)
    # The window fills the *first* taps of the FFT; the rest is zero. librosa and torchaudio centre
    # the window, which delays every frame: VGGish's by 56 samples, changing its log-mel by up to
    # 4.3. Window and FFT are float64: with float32, rounding would change the silent bands of a
    # pure tone by 4e-4 in VGGish's log-mel. This costs 1.5 ms per 30 s.
    padded = np.zeros((BLOCK_FRAMES, n_fft))
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = frames[start : start + BLOCK_FRAMES]
        np.multiply(block, window, out=padded[: len(block), :win_length])
        spectrum = np.fft.rfft(padded[: len(block)])[:, bins].astype(np.complex64)
        energy = spectrum.real**2 + spectrum.imag**2  # faster than np.abs
        np.matmul(
            energy if power else np.sqrt(energy),
            bands.weights,
            out=mel[start : start + len(block)],
        )
    return mel


def _hertz_to_htk(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)
