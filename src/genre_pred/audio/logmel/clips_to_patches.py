"""Clips to the patch store: each file is decoded once for all front ends."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genre_pred.audio.decoding.excerpts import (
    Recording,
    excerpt_to_waveform,
    read_excerpts,
    window_index,
)
from genre_pred.audio.logmel.front_ends import FRONT_ENDS, FrontEnd, waveform_to_patches
from genre_pred.config.sections import Clip, Mel
from genre_pred.core.patch_store import PatchWriter, open_patches, store_rows


def store_patches(
    clips: pd.DataFrame, clip: Clip, settings: Mel, folder: Path, each: Callable[..., Any]
) -> dict[str, int]:
    """Decode every clip and store its patches, one array per front end.

    Args:
        clips: clip_id, path, sample_rate, n_samples.
        clip: Length and number of windows.
        settings: The front ends and the dtype of the store.
        folder: The folder where NAME.npy and NAME.parquet are written.
        each: A map over recordings.

    Returns:
        The number of patches stored for each front end.
    """
    if not settings.front_ends:
        return {}
    recordings = Recording.of(clips)
    index = window_index(clips["clip_id"], recordings, clip)
    shapes = {}
    for name in settings.front_ends:
        front_end = FRONT_ENDS[name]
        shapes[name] = (*front_end.patch_shape(clip.clip_seconds), front_end.n_mels)
    to_patches = partial(
        recording_to_patches, names=settings.front_ends, clip=clip, dtype=settings.dtype
    )
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(PatchWriter(folder / name, len(index), shape, settings.dtype))
            for name, shape in shapes.items()
        }
        row = 0
        for windows in each(to_patches, recordings):
            for patches in windows:
                for name, writer in writers.items():
                    writer.write(row, patches[name])
                row += 1
        for writer in writers.values():
            writer.close(index)
    return {name: len(index) * shape[0] for name, shape in shapes.items()}


def recording_to_patches(
    recording: Recording, names: Sequence[str], clip: Clip, dtype: str
) -> list[dict[str, np.ndarray]]:
    """Decode a recording once and compute the patches of every front end for each window.

    Returns:
        For each window, by front end: (n_patches, patch_frames, n_mels) of the dtype.
    """
    return [
        {
            name: excerpt_to_patches(excerpt, recording.sample_rate, FRONT_ENDS[name], clip, dtype)
            for name in names
        }
        for excerpt in read_excerpts(recording, clip, clip.windows_per_track)
    ]


def excerpt_to_patches(
    excerpt: np.ndarray, rate: int, front_end: FrontEnd, clip: Clip, dtype: str
) -> np.ndarray:
    """Turn an excerpt into patches, rounded as the store rounds them.

    Args:
        excerpt: (samples,) float32 mono.
        rate: Its sample rate in Hz.
        front_end: The front end that makes the patches.
        clip: Gives the length of the excerpt.
        dtype: The dtype of the store, float16 or float32.

    Returns:
        (n_patches, patch_frames, n_mels) of that dtype.
    """
    waveform = excerpt_to_waveform(excerpt, rate, front_end.sample_rate, clip)
    return waveform_to_patches(waveform, front_end).astype(dtype)


def take_patches(precomputed: Path, folder: Path, dtype: str) -> dict[str, int]:
    """Store the spectrograms of a precomputed collection as patches, under their names.

    Args:
        precomputed: The folder where the stage clean stored them.
        folder: The folder where NAME.npy and NAME.parquet are written.
        dtype: float16 or float32.

    Returns:
        The number of patches by name.
    """
    stored = {}
    for path in sorted((precomputed / "mel").glob("*.npy")):
        store = open_patches(path.with_suffix(""))
        store_rows(folder / path.stem, store.patches, store.patches.shape[1:], dtype, store.index)
        stored[path.stem] = store.patches.shape[0] * store.patches.shape[1]
    return stored
