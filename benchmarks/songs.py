"""Songs to measure with: 30 s, 44.1 kHz, stereo, MP3 of 256 kb/s, as FMA's."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

SECONDS, RATE = 30, 44_100


def write_songs(folder: Path, count: int) -> pd.DataFrame:
    """Compose chords with a beat and noise, and encode them.

    Args:
        folder: Where they are written.
        count: How many.

    Returns:
        clip_id, path, sample_rate, n_samples.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        path = folder / f"{number}.mp3"
        sound = compose(np.random.default_rng(number))
        # level 0.2 of libsndfile's constant bitrates is 256 kb/s
        soundfile.write(path, sound, RATE, bitrate_mode="CONSTANT", compression_level=0.2)
        rows.append((str(number), str(path), RATE, len(sound)))
    return pd.DataFrame(rows, columns=["clip_id", "path", "sample_rate", "n_samples"])


def compose(rng: np.random.Generator) -> np.ndarray:
    """(samples, 2) float32: twelve partials that come and go, in noise that differs by ear."""
    seconds = np.arange(SECONDS * RATE) / RATE
    sound = 0.05 * rng.standard_normal((len(seconds), 2))
    for pitch in rng.uniform(60, 8000, 12):
        sounding = np.sin(2 * np.pi * rng.uniform(0.5, 4) * seconds) > 0
        sound += (rng.uniform(0.02, 0.1) * np.sin(2 * np.pi * pitch * seconds) * sounding)[:, None]
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)
