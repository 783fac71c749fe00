"""Generated songs for benchmarks: 30 s, 44.1 kHz, stereo, MP3 at 256 kb/s, as in FMA."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import soundfile

from genre_pred.audio.decoding.excerpts import Recording
from genre_pred.audio.logmel.clips_to_patches import recording_to_patches, store_patches
from genre_pred.config.params import Params
from genre_pred.config.sections import Clip, Mel

SECONDS, RATE = 30, 44_100
CLIP = Clip(min_seconds=3.0, clip_seconds=SECONDS, windows_per_track=1)


class Songs(NamedTuple):
    """The input of the benchmarks.

    Attributes:
        clips: clip_id, path, sample_rate, n_samples.
        folder: The folder for results.
        params: The repository's settings.
        repeats: Number of turns.
    """

    clips: pd.DataFrame
    folder: Path
    params: Params
    repeats: int

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [Path(path) for path in self.clips["path"]]

    @property
    def work(self) -> str:
        """A description."""
        return f"{len(self.clips)} MP3s of 30 s"

    def decode_patches(self, front_end: str, each: Callable = map) -> list[np.ndarray]:
        """Decode all songs: their patches."""
        to_patches = partial(recording_to_patches, names=[front_end], clip=CLIP, dtype="float32")
        decoded = each(to_patches, Recording.of(self.clips))
        return [patches[front_end] for windows in decoded for patches in windows]

    def patches(self, front_end: str, each: Callable = map) -> Path:
        """Decode all songs and store their patches: the path of the array."""
        settings = Mel(front_ends=(front_end,), dtype="float32")
        store_patches(self.clips, CLIP, settings, self.folder / "mel", each)
        return self.folder / "mel" / f"{front_end}.npy"


def write_songs(folder: Path, count: int, each: Callable = map) -> pd.DataFrame:
    """Synthesise songs and encode them as MP3.

    Args:
        folder: The folder to write to.
        count: Number of songs.
        each: A map(function, items), possibly in parallel.

    Returns:
        clip_id, path, sample_rate, n_samples.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(each(partial(_write_song, folder), range(count)))
    return pd.DataFrame(rows, columns=["clip_id", "path", "sample_rate", "n_samples"])


def _write_song(folder: Path, number: int) -> tuple[str, str, int, int]:
    path = folder / f"{number}.mp3"
    sound = compose(np.random.default_rng(number))
    # compression level 0.2 of libsndfile is 256 kb/s
    soundfile.write(path, sound, RATE, bitrate_mode="CONSTANT", compression_level=0.2)
    return str(number), str(path), RATE, len(sound)


def compose(rng: np.random.Generator) -> np.ndarray:
    """Synthesise (samples, 2) float32: twelve pulsing partials in stereo noise."""
    seconds = np.arange(SECONDS * RATE) / RATE
    sound = 0.05 * rng.standard_normal((len(seconds), 2))
    for pitch in rng.uniform(60, 8000, 12):
        sounding = np.sin(2 * np.pi * rng.uniform(0.5, 4) * seconds) > 0
        sound += (rng.uniform(0.02, 0.1) * np.sin(2 * np.pi * pitch * seconds) * sounding)[:, None]
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)
