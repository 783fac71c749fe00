"""Clips into tables of hand-made features."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from genre_pred.audio.decoding.excerpts import (
    Recording,
    excerpt_to_waveform,
    read_excerpts,
    window_index,
)
from genre_pred.config.sections import Clip, Descriptors
from genre_pred.core.tables import INDEX_COLUMNS, read_table


def describe_clips(
    clips: pd.DataFrame, clip: Clip, settings: Descriptors, each: Callable
) -> dict[str, pd.DataFrame]:
    """Describe every clip by every set of descriptors.

    Args:
        clips: clip_id, path, sample_rate, n_samples.
        clip: Length and number of its windows.
        settings: The sets, and the sample rate that they are computed at.
        each: A map over recordings.

    Returns:
        By set: clip_id, window, then one float32 column per descriptor.
    """
    if not settings.sets:
        return {}  # rather than decode everything for nothing
    recordings = Recording.of(clips)
    index = window_index(clips["clip_id"], recordings, clip)
    describe = partial(
        recording_to_descriptors, sets=settings.sets, rate=settings.sample_rate, clip=clip
    )
    windows = [window for windows in each(describe, recordings) for window in windows]
    return {
        name: index.join(pd.DataFrame([window[name] for window in windows]).reset_index(drop=True))
        for name in settings.sets
    }


def recording_to_descriptors(
    recording: Recording, sets: Sequence[str], rate: int, clip: Clip
) -> list[dict[str, pd.Series]]:
    """Decode a recording once: for each of its windows, every set of descriptors."""
    # Seconds of librosa, which only those who work have to load.
    from genre_pred.audio.descriptors.sets import waveform_to_descriptors

    described = []
    for excerpt in read_excerpts(recording, clip, clip.windows_per_track):
        waveform = excerpt_to_waveform(excerpt, recording.sample_rate, rate, clip)
        described.append({name: waveform_to_descriptors(waveform, rate, name) for name in sets})
    return described


def take_descriptors(precomputed: Path) -> dict[str, pd.DataFrame]:
    """Read the features laid out before, by their names."""
    paths = sorted((precomputed / "descriptors").glob("*.parquet"))
    return {path.stem: read_table(path, INDEX_COLUMNS) for path in paths}
