"""Clips to tables of hand-crafted features."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

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
    clips: pd.DataFrame, clip: Clip, settings: Descriptors, each: Callable[..., Any]
) -> dict[str, pd.DataFrame]:
    """Compute every set of descriptors for every clip.

    Args:
        clips: clip_id, path, sample_rate, n_samples.
        clip: Length and number of windows.
        settings: The sets, and the sample rate at which they are computed.
        each: A map over recordings.

    Returns:
        For each set, a table: clip_id, window, then one float32 column per descriptor.
    """
    if not settings.sets:
        return {}  # nothing to decode for
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
    """Decode a recording once and compute every set of descriptors for each of its windows."""
    # Loads librosa, which takes seconds; only the workers need it.
    from genre_pred.audio.descriptors.sets import waveform_to_descriptors

    windows = []
    for excerpt in read_excerpts(recording, clip, clip.windows_per_track):
        waveform = excerpt_to_waveform(excerpt, recording.sample_rate, rate, clip)
        windows.append({name: waveform_to_descriptors(waveform, rate, name) for name in sets})
    return windows


def take_descriptors(precomputed: Path) -> dict[str, pd.DataFrame]:
    """Read the features of a precomputed collection, as stored by the stage clean, by name."""
    paths = sorted((precomputed / "descriptors").glob("*.parquet"))
    return {path.stem: read_table(path, INDEX_COLUMNS) for path in paths}
