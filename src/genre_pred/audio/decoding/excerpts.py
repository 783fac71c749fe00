"""Excerpts of a track, each decoded once for all front ends."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from genre_pred.audio.decoding.decoders import AudioError, source_name
from genre_pred.audio.decoding.reading import read_windows
from genre_pred.audio.decoding.resampling import resample
from genre_pred.audio.decoding.windows import fit_length, window_starts
from genre_pred.config.sections import Clip


@dataclass(frozen=True)
class Recording:
    """An audio file that decodes, as measured by the stage clean.

    Attributes:
        source: A path, or an open file.
        sample_rate: In Hz.
        n_samples: Length in samples.
    """

    source: Path | BinaryIO
    sample_rate: int
    n_samples: int

    @classmethod
    def of(cls, clips: pd.DataFrame) -> list["Recording"]:
        """The recordings of a table of clips, which has path, sample_rate and n_samples."""
        rows = zip(clips["path"], clips["sample_rate"], clips["n_samples"], strict=True)
        return [cls(Path(path), int(rate), int(n_samples)) for path, rate, n_samples in rows]


def excerpt_starts(recording: Recording, clip: Clip, count: int | None) -> list[int]:
    """First samples of the excerpts; with count None, of as many as fit."""
    window = round(clip.clip_seconds * recording.sample_rate)
    return window_starts(recording.n_samples, window, count)


def window_index(
    clip_ids: Iterable[str], recordings: Sequence[Recording], clip: Clip
) -> pd.DataFrame:
    """The index of an array over clips: clip_id and window of each row."""
    return pd.DataFrame(
        [
            (clip_id, window)
            for clip_id, recording in zip(clip_ids, recordings, strict=True)
            for window in range(len(excerpt_starts(recording, clip, clip.windows_per_track)))
        ],
        columns=["clip_id", "window"],
    )


def read_excerpts(recording: Recording, clip: Clip, count: int | None) -> Iterator[np.ndarray]:
    """Decode the excerpts of a recording in one pass.

    Yields:
        (round(clip_seconds * sample_rate),) float32 mono at the recording's own rate.

    Raises:
        AudioError: If the file cannot be decoded, or has changed since it was measured.
    """
    window = round(clip.clip_seconds * recording.sample_rate)
    starts = excerpt_starts(recording, clip, count)
    windows = read_windows(recording.source, starts, window)
    for start, (samples, rate) in zip(starts, windows, strict=True):
        expected = recording.sample_rate, min(window, recording.n_samples - start)
        if (rate, len(samples)) != expected:
            raise AudioError(source_name(recording.source), "has changed since it was first read")
        yield fit_length(samples, window)


def excerpt_to_waveform(excerpt: np.ndarray, rate: int, to_rate: int, clip: Clip) -> np.ndarray:
    """Resample an excerpt to exactly `clip_seconds` at another rate: (samples,) float32."""
    return fit_length(resample(excerpt, rate, to_rate), round(clip.clip_seconds * to_rate))
