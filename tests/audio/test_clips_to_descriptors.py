"""Tables of hand-crafted features: a row for each window, in the order of the clips."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_pred.audio.decoding.reading import read_samples
from genre_pred.audio.decoding.resampling import resample
from genre_pred.audio.descriptors.clips_to_descriptors import describe_clips
from genre_pred.audio.descriptors.sets import mfcc
from genre_pred.config.sections import Clip, Descriptors

RATE = 8000
SETTINGS = Descriptors(sets=("mfcc",), sample_rate=RATE)


def clip_of(seconds, windows=1):
    return Clip(min_seconds=0.5, clip_seconds=seconds, windows_per_track=windows)


@pytest.fixture(scope="module")
def clips(tmp_path_factory, write_sound):
    folder = tmp_path_factory.mktemp("sound")
    kinds = {"b": (4.0, RATE), "a": (3.0, 11_025), "short": (1.5, RATE)}
    paths = {
        name: write_sound(folder / f"{name}.wav", seconds=seconds, rate=rate, seed=len(name))
        for name, (seconds, rate) in kinds.items()
    }
    return pd.DataFrame(
        {
            "clip_id": list(kinds),
            "path": [str(path) for path in paths.values()],
            "sample_rate": [rate for _, rate in kinds.values()],
            "n_samples": [soundfile.info(path).frames for path in paths.values()],
        }
    )


def path_of(clips, clip_id):
    return Path(clips.set_index("clip_id")["path"][clip_id])


def test_a_row_holds_the_descriptors_of_the_middle_of_its_clip(clips):
    table = describe_clips(clips, clip_of(2.0), SETTINGS, map)["mfcc"]
    assert list(table.columns[:2]) == ["clip_id", "window"]
    assert table["clip_id"].tolist() == ["b", "a", "short"]
    assert (table.dtypes.iloc[2:] == np.float32).all()
    samples, _ = read_samples(path_of(clips, "b"))
    expected = mfcc(samples[RATE : 3 * RATE], RATE)
    assert list(table.columns[2:]) == list(expected.index)
    np.testing.assert_allclose(table.iloc[0, 2:].astype(float), expected, rtol=1e-5)


def test_clips_are_resampled_to_the_rate_of_the_settings(clips):
    table = describe_clips(clips, clip_of(3.0), SETTINGS, map)["mfcc"]
    samples, rate = read_samples(path_of(clips, "a"))
    expected = mfcc(resample(samples, rate, RATE)[: 3 * RATE], RATE)
    np.testing.assert_allclose(table.iloc[1, 2:].astype(float), expected, rtol=1e-4, atol=1e-3)


def test_a_short_clip_is_repeated_to_length(clips):
    table = describe_clips(clips, clip_of(3.0), SETTINGS, map)["mfcc"]
    samples, _ = read_samples(path_of(clips, "short"))
    expected = mfcc(np.concatenate([samples, samples]), RATE)
    np.testing.assert_allclose(table.iloc[2, 2:].astype(float), expected, rtol=1e-5)


def test_each_window_has_its_row(clips):
    table = describe_clips(clips, clip_of(1.0, 3), SETTINGS, map)["mfcc"]
    assert list(zip(table["clip_id"], table["window"], strict=True)) == [
        ("b", 0), ("b", 1), ("b", 2), ("a", 0), ("a", 1), ("a", 2), ("short", 0)
    ]  # fmt: skip
    assert not table.iloc[0, 2:].equals(table.iloc[1, 2:])


def test_without_a_set_nothing_is_decoded(clips):
    def refuse(*_):
        raise AssertionError

    asked = Descriptors(sets=(), sample_rate=RATE)
    assert describe_clips(clips, clip_of(2.0), asked, refuse) == {}


def test_each_set_has_its_table(clips):
    asked = Descriptors(sets=("mfcc", "fma", "gtzan"), sample_rate=16_000)
    tables = describe_clips(clips, clip_of(2.0), asked, map)
    assert {name: table.shape for name, table in tables.items()} == {
        "mfcc": (3, 142), "fma": (3, 520), "gtzan": (3, 59)
    }  # fmt: skip
    part = tables["fma"].filter(regex="^(clip_id|window|mfcc_.*)$")
    pd.testing.assert_frame_equal(part, tables["mfcc"])


def test_the_shortest_clip_at_the_lowest_rate_that_params_allow_can_be_described(clips):
    asked = Descriptors(sets=("mfcc", "gtzan"), sample_rate=4000)
    for table in describe_clips(clips, clip_of(1.0), asked, map).values():
        assert np.isfinite(table.iloc[:, 2:].to_numpy(float)).all()
