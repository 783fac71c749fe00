"""The excerpts of a track that stand for it: each is decoded once for every front end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from genre_pred.audio.decode import read_windows
from genre_pred.audio.decoders import AudioError, source_name
from genre_pred.audio.front_ends import FrontEnd, resample, waveform_to_patches
from genre_pred.audio.windows import fit_length, window_starts
from genre_pred.params import Clip


@dataclass(frozen=True)
class Recording:
    """A decodable sound, as clean found it.

    Attributes:
        source: A path, or an open file.
        sample_rate: In Hz.
        n_samples: Per channel.
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
    """Where the excerpts begin, in samples; with count None, as many as fit."""
    window = round(clip.clip_seconds * recording.sample_rate)
    return window_starts(recording.n_samples, window, count)


def window_index(
    clip_ids: Iterable[str], recordings: Sequence[Recording], clip: Clip
) -> pd.DataFrame:
    """What the rows of an array over clips stand for: clip_id, window."""
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
        AudioError: If it cannot be decoded, or is not any more what the recording says.
    """
    window = round(clip.clip_seconds * recording.sample_rate)
    starts = excerpt_starts(recording, clip, count)
    read = read_windows(recording.source, starts, window)
    for start, (samples, rate) in zip(starts, read, strict=True):
        told = recording.sample_rate, min(window, recording.n_samples - start)
        if (rate, len(samples)) != told:
            raise AudioError(source_name(recording.source), "has changed since it was first read")
        yield fit_length(samples, window)


def excerpt_to_waveform(excerpt: np.ndarray, rate: int, to_rate: int, clip: Clip) -> np.ndarray:
    """Resample an excerpt to exactly `clip_seconds` of another rate: (samples,) float32."""
    return fit_length(resample(excerpt, rate, to_rate), round(clip.clip_seconds * to_rate))


def excerpt_to_patches(
    excerpt: np.ndarray, rate: int, front_end: FrontEnd, clip: Clip, dtype: str
) -> np.ndarray:
    """Turn an excerpt into patches, rounded as the store rounds them.

    Args:
        excerpt: (samples,) float32 mono.
        rate: Its sample rate in Hz.
        front_end: What the patches are for.
        clip: Its length.
        dtype: Of the store: float16 or float32.

    Returns:
        (n_patches, patch_frames, n_mels) of that dtype.
    """
    waveform = excerpt_to_waveform(excerpt, rate, front_end.sample_rate, clip)
    return waveform_to_patches(waveform, front_end).astype(dtype)
