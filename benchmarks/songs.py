"""Songs to measure with: 30 s, 44.1 kHz, stereo, MP3 of 256 kb/s, as FMA's."""

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
    """What is measured with.

    Attributes:
        clips: clip_id, path, sample_rate, n_samples.
        folder: Where results go.
        params: The repository's settings.
        repeats: How often everything is timed.
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
        """In words."""
        return f"{len(self.clips)} MP3s of 30 s"

    def heard(self, front_end: str, each: Callable = map) -> list[np.ndarray]:
        """Decode them all: their patches."""
        to_patches = partial(recording_to_patches, names=[front_end], clip=CLIP, dtype="float32")
        heard = each(to_patches, Recording.of(self.clips))
        return [patches[front_end] for windows in heard for patches in windows]

    def patches(self, front_end: str, each: Callable = map) -> Path:
        """Decode them all, and store their patches: the array."""
        settings = Mel(front_ends=(front_end,), dtype="float32")
        store_patches(self.clips, CLIP, settings, self.folder / "mel", each)
        return self.folder / "mel" / f"{front_end}.npy"


def write_songs(folder: Path, count: int, each: Callable = map) -> pd.DataFrame:
    """Compose chords with a beat and noise, and encode them.

    Args:
        folder: Where they are written.
        count: How many.
        each: The map that does it.

    Returns:
        clip_id, path, sample_rate, n_samples.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(each(partial(_write_song, folder), range(count)))
    return pd.DataFrame(rows, columns=["clip_id", "path", "sample_rate", "n_samples"])


def _write_song(folder: Path, number: int) -> tuple[str, str, int, int]:
    path = folder / f"{number}.mp3"
    sound = compose(np.random.default_rng(number))
    # level 0.2 of libsndfile's constant bitrates is 256 kb/s
    soundfile.write(path, sound, RATE, bitrate_mode="CONSTANT", compression_level=0.2)
    return str(number), str(path), RATE, len(sound)


def compose(rng: np.random.Generator) -> np.ndarray:
    """(samples, 2) float32: twelve partials that come and go, in noise that differs by ear."""
    seconds = np.arange(SECONDS * RATE) / RATE
    sound = 0.05 * rng.standard_normal((len(seconds), 2))
    for pitch in rng.uniform(60, 8000, 12):
        sounding = np.sin(2 * np.pi * rng.uniform(0.5, 4) * seconds) > 0
        sound += (rng.uniform(0.02, 0.1) * np.sin(2 * np.pi * pitch * seconds) * sounding)[:, None]
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)
