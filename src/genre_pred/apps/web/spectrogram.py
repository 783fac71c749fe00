"""The mel spectrogram of a recording as a picture without axes; the page adds responsive ones."""

import base64
import io

import numpy as np
from matplotlib import colormaps
from PIL import Image

from genre_pred.audio.decoding.excerpts import Recording
from genre_pred.audio.decoding.reading import read_windows
from genre_pred.audio.decoding.resampling import resample
from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.core.librosa_loader import load_librosa

FRONT_END = FRONT_ENDS["mel128"]
MOST_COLUMNS = 900
AT_ONCE_SECONDS = 30.0  # limits the memory for long recordings
RANGE_DB = 70.0
TICKS_HZ = (250, 1000, 4000)


def draw_spectrogram(recording: Recording) -> str:
    """Draw the mel spectrogram of a whole recording; the loudest value is white.

    Returns:
        A PNG as a data URL; time runs to the right, frequency from 0 to 11 kHz upwards.
    """
    rate = recording.sample_rate
    seconds = recording.n_samples / rate
    hop_seconds = FRONT_END.hop_length / FRONT_END.sample_rate
    # Columns are wider than a frame, so that each holds at least one.
    n_columns = min(MOST_COLUMNS, max(1, int(0.9 * seconds / hop_seconds)))
    sums, counts = np.zeros((n_columns, FRONT_END.n_mels)), np.zeros((n_columns, 1))
    at_once = round(AT_ONCE_SECONDS * rate)
    starts = range(0, recording.n_samples, at_once)
    for start, (samples, _) in zip(
        starts, read_windows(recording.source, starts, at_once), strict=True
    ):
        log_mel = FRONT_END.log_mel(resample(samples, rate, FRONT_END.sample_rate))
        times = start / rate + hop_seconds * np.arange(len(log_mel))
        columns = np.minimum((times / seconds * n_columns).astype(int), n_columns - 1)
        np.add.at(sums, columns, log_mel)
        np.add.at(counts, columns, 1)
    decibels = (sums / np.maximum(counts, 1)).T[::-1]  # (n_mels, n_columns), highest band first
    shades = np.clip(1 + (decibels - decibels.max()) / RANGE_DB, 0, 1)
    picture = Image.fromarray(colormaps["magma"](shades, bytes=True)[..., :3])
    png = io.BytesIO()
    picture.save(png, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def heights() -> dict[str, float]:
    """Frequency labels -> their height on the picture, as a share from below."""
    load_librosa()  # slow to import
    from librosa import hz_to_mel

    top = hz_to_mel(FRONT_END.sample_rate / 2)
    return {
        f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz": float(hz_to_mel(hz) / top)
        for hz in TICKS_HZ
    }
