"""Waveforms into log-mel patches, one front end per family of networks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr

# VGGish's front end, from vggish_params.py and mel_features.py of
# github.com/tensorflow/models/tree/master/research/audioset/vggish
_SAMPLE_RATE = 16_000
_WIN_LENGTH = 400  # 25 ms
_HOP_LENGTH = 160  # 10 ms
_N_FFT = 512
_N_MELS = 64
_FMIN, _FMAX = 125.0, 7500.0
_LOG_OFFSET = 0.01
_PATCH_FRAMES = 96  # 0.96 s

_BLOCK_FRAMES = 128  # a block's spectra fit the second-level cache; bounds memory too


@dataclass(frozen=True)
class FrontEnd:
    """How a family of networks hears.

    `log_mel` maps a waveform (samples,) float32 at `sample_rate` to (frames, n_mels) float32.
    `first_frame_samples` is what a waveform needs for its first frame: the whole window, or 1
    where frames are centred on their sample.
    """

    name: str
    sample_rate: int
    n_mels: int
    hop_length: int
    patch_frames: int
    first_frame_samples: int
    log_mel: Callable[[np.ndarray], np.ndarray]

    def n_samples(self, clip_seconds: float) -> int:
        """Length in samples of a clip of so many seconds."""
        return round(clip_seconds * self.sample_rate)

    def n_patches(self, clip_seconds: float) -> int:
        """How many whole patches a clip of so many seconds gives."""
        n_after_first = self.n_samples(clip_seconds) - self.first_frame_samples
        return max(0, (n_after_first // self.hop_length + 1) // self.patch_frames)


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
    return soxr.resample(samples.astype(np.float32, copy=False), from_rate, to_rate, quality="HQ")


def waveform_to_patches(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Cut a waveform's log-mel into patches that do not overlap; a part patch is dropped.

    Args:
        waveform: (samples,) float32 at front_end.sample_rate, in -1..1.
        front_end: The front end.

    Returns:
        (n_patches, patch_frames, n_mels) float32.

    Raises:
        ValueError: If the waveform is shorter than one patch.
    """
    needed = front_end.first_frame_samples + front_end.hop_length * (front_end.patch_frames - 1)
    if len(waveform) < needed:
        raise ValueError(
            f"{len(waveform)} samples are too few: one {front_end.name} patch needs {needed} "
            f"at {front_end.sample_rate} Hz"
        )
    log_mel = front_end.log_mel(waveform)
    n_patches = len(log_mel) // front_end.patch_frames
    # (frames, n_mels) -> (n_patches, patch_frames, n_mels)
    return log_mel[: n_patches * front_end.patch_frames].reshape(
        n_patches, front_end.patch_frames, front_end.n_mels
    )


def vggish_log_mel(waveform: np.ndarray) -> np.ndarray:
    """Compute VGGish's log-mel spectrogram.

    Args:
        waveform: (samples,) float32 at 16 kHz, at least 400 samples, in -1..1.

    Returns:
        (frames, 64) float32, natural logarithms, a frame every 10 ms.
    """
    samples = np.ascontiguousarray(waveform, np.float32)
    # (frames, 400), a view
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WIN_LENGTH)[::_HOP_LENGTH]
    window, (first_bin, mel) = _hann(), _vggish_mel()
    log_mel = np.empty((len(frames), _N_MELS), np.float32)
    # The window lies in the *first* 400 of 512 taps and the rest stay zero. librosa and torchaudio
    # centre it, which delays every frame by 56 samples and moves the log-mel by up to 4.3.
    # Window and FFT are float64: in float32 the rounding of a pure tone shows beside the offset of
    # 0.01 in the silent bands, and moves them by 4e-4; this costs 1.5 ms per 30 s.
    padded = np.zeros((_BLOCK_FRAMES, _N_FFT))
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = frames[start : start + _BLOCK_FRAMES]
        np.multiply(block, window, out=padded[: len(block), :_WIN_LENGTH])
        spectrum = np.fft.rfft(padded[: len(block)])[:, first_bin : first_bin + len(mel)]
        spectrum = spectrum.astype(np.complex64)
        magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2)  # faster than np.abs
        np.matmul(magnitude, mel, out=log_mel[start : start + len(block)])
    log_mel += np.float32(_LOG_OFFSET)
    return np.log(log_mel, out=log_mel)


@lru_cache(maxsize=1)
def _hann() -> np.ndarray:
    """The periodic Hann window, (400,) float64."""
    phase = 2 * np.pi * np.arange(_WIN_LENGTH) / _WIN_LENGTH
    return 0.5 - 0.5 * np.cos(phase)


@lru_cache(maxsize=1)
def _vggish_mel() -> tuple[int, np.ndarray]:
    """First FFT bin that any band hears, and the triangles from there, (bins, 64) float32."""
    bins = _hertz_to_htk(np.linspace(0, _SAMPLE_RATE / 2, _N_FFT // 2 + 1))[:, None]
    edges = np.linspace(_hertz_to_htk(_FMIN), _hertz_to_htk(_FMAX), _N_MELS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    # Straight sides in mel, not in Hz; (257, 64)
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0  # the DC bin is dropped
    heard = np.flatnonzero(triangles.any(axis=1))
    first_bin, last_bin = int(heard[0]), int(heard[-1])
    return first_bin, triangles[first_bin : last_bin + 1].astype(np.float32)


def _hertz_to_htk(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


FRONT_ENDS: dict[str, FrontEnd] = {
    "vggish": FrontEnd(
        name="vggish",
        sample_rate=_SAMPLE_RATE,
        n_mels=_N_MELS,
        hop_length=_HOP_LENGTH,
        patch_frames=_PATCH_FRAMES,
        first_frame_samples=_WIN_LENGTH,
        log_mel=vggish_log_mel,
    ),
}
