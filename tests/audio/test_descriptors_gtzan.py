"""GTZAN's table: its names, librosa's own functions, and its values for the same recordings."""

import csv
import os
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from genre_pred.audio.descriptors.gtzan import gtzan

RATE = 22_050
FRAMED = ["chroma_stft", "rms", "spectral_centroid", "spectral_bandwidth", "rolloff"]
FRAMED += ["zero_crossing_rate", "harmony", "perceptr"]


@pytest.fixture(scope="module")
def samples():
    """Four seconds of a tone that is struck twice a second, in noise."""
    t = np.arange(4 * RATE) / RATE
    struck = np.sin(2 * np.pi * 330 * t) * np.exp(-8 * (t % 0.5))
    noise = np.random.default_rng(254).standard_normal(t.size)
    return (0.5 * struck + 0.01 * noise).astype(np.float32)


def test_names_and_order_are_those_of_the_table(samples):
    found = gtzan(samples, RATE)
    pairs = [f"{name}_{statistic}" for name in FRAMED for statistic in ("mean", "var")]
    cepstrum = [f"mfcc{n}_{statistic}" for n in range(1, 21) for statistic in ("mean", "var")]
    assert list(found.index) == [*pairs, "tempo", *cepstrum]
    assert (found.size, found.dtype) == (57, np.float32)


def test_values_are_those_of_librosas_own_functions(samples):
    """Each from the samples alone, with librosa's defaults."""
    harmony, percussion = librosa.effects.hpss(samples)
    features = {
        "chroma_stft": librosa.feature.chroma_stft(y=samples, sr=RATE),
        "rms": librosa.feature.rms(y=samples),
        "spectral_centroid": librosa.feature.spectral_centroid(y=samples, sr=RATE),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(y=samples, sr=RATE),
        "rolloff": librosa.feature.spectral_rolloff(y=samples, sr=RATE),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(samples),
        "harmony": harmony,
        "perceptr": percussion,
    }
    cepstrum = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=20)
    features |= {f"mfcc{number + 1}": row for number, row in enumerate(cepstrum)}
    found = gtzan(samples, RATE)
    for name, values in features.items():
        assert found[f"{name}_mean"] == pytest.approx(values.mean(), rel=1e-4, abs=1e-6), name
        assert found[f"{name}_var"] == pytest.approx(values.var(), rel=1e-3, abs=1e-9), name


def test_the_tempo_is_that_of_the_beat_tracker(samples):
    tempo, _ = librosa.beat.beat_track(y=samples, sr=RATE)
    found = gtzan(samples, RATE)["tempo"]
    assert found == pytest.approx(tempo.item())
    assert found == pytest.approx(120, abs=5)  # two strokes a second


def test_silence_has_no_tempo():
    assert gtzan(np.zeros(3 * RATE, np.float32), RATE)["tempo"] == 0


def test_real_clips_come_close_to_the_published_table():
    """The table is of 30 s, the recordings at hand are its first 15 to 20 s."""
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA does not name the folder of real recordings")
    folder = Path(os.environ["GENRE_PRED_TEST_DATA"])
    with (folder / "tables" / "gtzan_features_30_sec.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("filename", "length", "label")]
    published = {row["filename"]: np.array([float(row[n]) for n in names]) for row in rows}
    spread = np.array(list(published.values())).std(axis=0)
    found, expected = [], []
    for genre in ("classical", "hiphop", "jazz", "metal"):
        path = folder / "gtzan70" / genre / f"{genre}.00001.wav"
        described = gtzan(*soundfile.read(path, dtype="float32"))
        assert list(described.index) == names
        found.append(described.to_numpy())
        expected.append(published[path.name])
    # In standard deviations of the table: half of all values differ by a tenth or less.
    assert np.median(np.abs(np.array(found) - expected) / spread) < 0.15
