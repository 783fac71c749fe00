"""Spectrograms in mel bands, a block of frames at a time: what all front ends have in common."""

from dataclasses import dataclass

import numpy as np

BLOCK_FRAMES = 128  # a block's spectra fit the second-level cache; bounds memory too


@dataclass(frozen=True)
class MelBands:
    """Triangles over FFT bins.

    Attributes:
        first_bin: The lowest bin with a weight in any band.
        weights: (bins, n_mels) float32, from the first bin on.
    """

    first_bin: int
    weights: np.ndarray

    @classmethod
    def of(cls, triangles: np.ndarray) -> "MelBands":
        """Leave out the bins at both ends that no band accepts_audio: (n_fft / 2 + 1, n_mels)."""
        heard = np.flatnonzero(triangles.any(axis=1))
        first_bin, last_bin = int(heard[0]), int(heard[-1])
        return cls(first_bin, triangles[first_bin : last_bin + 1].astype(np.float32))


def htk_bands(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> MelBands:
    """Triangles with sides that are straight in mel, not in Hz, as HTK and Kaldi have them.

    Args:
        sample_rate: In Hz.
        n_fft: Samples of a spectrum.
        n_mels: How many bands.
        fmin: Where the lowest begins, in Hz.
        fmax: Where the highest ends, in Hz.

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
    """Compute the mel spectrogram of every whole window; whoever wants centred frames pads first.

    Args:
        samples: (n,) float32, at least a window.
        window: (win_length,) float64, at most n_fft.
        hop_length: In samples.
        n_fft: In samples.
        bands: The mel bands.
        power: Whether power or magnitude is summed.

    Returns:
        (frames, n_mels) float32.
    """
    win_length = len(window)
    # (frames, win_length), a view
    frames = np.lib.stride_tricks.sliding_window_view(samples, win_length)[::hop_length]
    bins = slice(bands.first_bin, bands.first_bin + len(bands.weights))
    mel = np.empty((len(frames), bands.weights.shape[1]), np.float32)
    # The window lies in the *first* taps of the FFT and the rest stay zero. librosa and torchaudio
    # centre it, which delays every frame: VGGish's by 56 samples, moving its log-mel by up to 4.3.
    # Window and FFT are float64: in float32 the rounding of a pure tone shows beside the offset
    # of VGGish's logarithm in the silent bands, by 4e-4; this costs 1.5 ms per 30 s there.
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
