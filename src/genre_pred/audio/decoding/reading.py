"""Reads an audio file in one streaming pass: its measurements, or windows of it."""

import hashlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from genre_pred.audio.decoding.decoders import AudioError, AudioSource, Block, decoded, source_name

_SILENCE_DB = -200.0


@dataclass(frozen=True)
class Measured:
    """The measurements of an audio file.

    n_samples is the decoded length per channel, whatever the header states. rms_db (dB relative to
    full scale, -200 for digital silence) and peak (1 is full scale) are those of the mono mix.
    content is a digest of the mono samples: tags and lossless containers do not change it.
    """

    sample_rate: int
    channels: int
    n_samples: int
    rms_db: float
    peak: float
    content: str

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


def measure(
    source: AudioSource,
    max_seconds: float = math.inf,
    check: Callable[[], object] | None = None,
) -> Measured:
    """Decode a whole source once and measure it.

    Args:
        source: Path, or seekable binary stream.
        max_seconds: Longest length allowed: a small file can hold days of silence.
        check: Called for every decoded block; an exception that it raises stops the decoding.

    Returns:
        The measurements.

    Raises:
        AudioError: If it cannot be opened or decoded, is empty or too long, holds no audio, NaN or
            samples beyond 2^32 times full scale, or its sample rate is not within 1 to 768 kHz.
    """
    digest, n_samples, energy, peak = hashlib.sha256(), 0, 0.0, 0.0
    for block in decoded(source, 0):
        if check:
            check()
        digest.update(block.mono.astype("<f4", copy=False).tobytes())
        n_samples += len(block.mono)
        if n_samples > max_seconds * block.sample_rate:
            raise AudioError(source_name(source), f"too long: more than {max_seconds:g} s")
        energy += float(np.square(block.mono, dtype=np.float64).sum())
        peak = max(peak, float(np.abs(block.mono).max()))
    power = energy / n_samples
    return Measured(
        sample_rate=block.sample_rate,  # `decoded` yields at least one block or raises
        channels=block.channels,
        n_samples=n_samples,
        rms_db=max(10 * float(np.log10(power)), _SILENCE_DB) if power > 0 else _SILENCE_DB,
        peak=peak,
        content=digest.hexdigest()[:32],
    )


def read_samples(
    source: AudioSource, start: int = 0, n_samples: int | None = None
) -> tuple[np.ndarray, int]:
    """Read a stretch of a source as mono: exactly this slice of the decoded track.

    Args:
        source: Path, or seekable binary stream.
        start: First sample, at the native rate, from 0.
        n_samples: How many samples, or None for all that follow.

    Returns:
        The mean of the channels, (n,) float32, n at most n_samples, and the native sample rate.

    Raises:
        AudioError: If the source cannot be decoded, or what was read holds NaN, infinity or
            samples beyond 2^32 times full scale.
        ValueError: If start or n_samples is negative.
    """
    return next(read_windows(source, [start], sys.maxsize if n_samples is None else n_samples))


def read_windows(
    source: AudioSource, starts: Sequence[int], n_samples: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Read several windows of a source in one streaming pass.

    Args:
        source: Path, or seekable binary stream.
        starts: First samples of the windows at the native rate, ascending; they may overlap.
        n_samples: Length of a window in samples.

    Yields:
        For each window what read_samples returns; it is shorter where the track ends.

    Raises:
        AudioError: As read_samples.
        ValueError: If starts are not ascending, or a number is negative.
    """
    if list(starts) != sorted(starts) or min(starts, default=0) < 0 or n_samples < 0:
        raise ValueError(f"windows must ascend from 0, not {list(starts)} of {n_samples} samples")
    pending = list(starts)
    held: list[Block] = []
    if not pending:
        return
    for block in decoded(source, pending[0]):
        held.append(block)
        end = block.first + len(block.mono)
        while pending and pending[0] + n_samples <= end:
            yield _cut(held, pending.pop(0), n_samples), block.sample_rate
        if not pending:
            return
        held = [b for b in held if b.first + len(b.mono) > pending[0]]
    for start in pending:
        yield _cut(held, start, n_samples), block.sample_rate


def _cut(held: list[Block], start: int, n_samples: int) -> np.ndarray:
    spans = [(max(0, start - b.first), max(0, start + n_samples - b.first)) for b in held]
    parts = [b.mono[begin:end] for b, (begin, end) in zip(held, spans, strict=True)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
