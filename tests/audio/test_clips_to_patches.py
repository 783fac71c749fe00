"""The patch store holds what the direct way from sound to patches gives, row by row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.reading import read_samples
from genre_pred.audio.decoding.resampling import resample
from genre_pred.audio.logmel.clips_to_patches import store_patches
from genre_pred.audio.logmel.front_ends import FRONT_ENDS, waveform_to_patches
from genre_pred.config.sections import Clip, Compute, Mel
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.core.patch_store import open_patches

WHOLE = Mel(front_ends=("vggish",), dtype="float32")
HALF = Mel(front_ends=("vggish",), dtype="float16")
ONE = Clip(min_seconds=0.5, clip_seconds=2.0, windows_per_track=1)
TWO = ONE.model_copy(update={"windows_per_track": 2})


@pytest.fixture(scope="module")
def clips(tmp_path_factory, write_sound):
    """Clips of several lengths and rates: the last is shorter than an excerpt."""
    folder = tmp_path_factory.mktemp("sound")
    kinds = [(5.0, 8000), (4.0, 16_000), (4.5, 22_050), (1.2, 44_100)]
    paths = [
        write_sound(folder / f"{i}.wav", seconds=seconds, rate=rate, seed=i)
        for i, (seconds, rate) in enumerate(kinds)
    ]
    return pd.DataFrame(
        {
            "clip_id": ["d", "a", "c", "b"],
            "path": [str(path) for path in paths],
            "sample_rate": [rate for _, rate in kinds],
            "n_samples": [soundfile.info(path).frames for path in paths],
        }
    )


def directly(path, start_second, seconds=2.0):
    samples, rate = read_samples(Path(path))
    n = round(seconds * rate)
    start = round(start_second * rate)
    excerpt = np.resize(samples[start:], n) if len(samples) < n else samples[start : start + n]
    return waveform_to_patches(resample(excerpt, rate, 16_000)[:32_000], FRONT_ENDS["vggish"])


def test_rows_are_the_clips_in_their_order(clips, tmp_path):
    stored = store_patches(clips, ONE, WHOLE, tmp_path, map)
    store = open_patches(tmp_path / "vggish")
    assert store.index["clip_id"].tolist() == ["d", "a", "c", "b"]
    assert store.index["window"].tolist() == [0, 0, 0, 0]
    assert store.patches.shape == (4, 2, 96, 64)
    assert store.patches.dtype == np.float32
    assert stored == {"vggish": 8}


def test_every_front_end_reads_the_same_decoded_clips(clips, tmp_path):
    every = Mel(front_ends=("vggish", "efficientat", "mel128"), dtype="float16")
    stored = store_patches(clips, ONE, every, tmp_path, map)
    shapes = {name: open_patches(tmp_path / name).patches.shape for name in stored}
    assert shapes == {
        "vggish": (4, 2, 96, 64),
        "efficientat": (4, 1, 200, 128),
        "mel128": (4, 1, 87, 128),
    }
    assert stored == {"vggish": 8, "efficientat": 4, "mel128": 4}


def test_patches_are_those_of_the_direct_way(clips, tmp_path):
    store_patches(clips, ONE, WHOLE, tmp_path, map)
    store = open_patches(tmp_path / "vggish")
    middles = [1.5, 1.0, 1.25, 0.0]
    for row, (path, middle) in enumerate(zip(clips["path"], middles, strict=True)):
        np.testing.assert_allclose(store.patches[row], directly(path, middle), atol=1e-5)


def test_each_window_is_one_row(clips, tmp_path):
    store_patches(clips, TWO, WHOLE, tmp_path, map)
    store = open_patches(tmp_path / "vggish")
    assert store.index["clip_id"].tolist() == ["d", "d", "a", "a", "c", "c", "b"]
    assert store.index["window"].tolist() == [0, 1, 0, 1, 0, 1, 0]
    # 4 s hold two windows of 2 s without a gap.
    path = clips["path"][1]
    np.testing.assert_allclose(store.patches[2], directly(path, 0.0), atol=1e-5)
    np.testing.assert_allclose(store.patches[3], directly(path, 2.0), atol=1e-5)


def test_a_store_of_float16_is_the_other_one_rounded(clips, tmp_path):
    store_patches(clips, ONE, WHOLE, tmp_path / "whole", map)
    store_patches(clips, ONE, HALF, tmp_path / "half", map)
    whole, half = (open_patches(tmp_path / name / "vggish").patches for name in ("whole", "half"))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(whole.astype(np.float16), half)


def test_the_same_clips_give_the_same_bytes_from_one_process_and_from_two(clips, tmp_path):
    each = clip_map(Compute(workers=2, scheduler=None), "mel")
    store_patches(clips, TWO, WHOLE, tmp_path / "one", map)
    store_patches(clips, TWO, WHOLE, tmp_path / "two", each)
    for name in ("vggish.npy", "vggish.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_failure_in_the_middle_leaves_no_store(clips, tmp_path):
    gone = clips.copy()
    gone.loc[2, "path"] = str(tmp_path / "gone.wav")
    with pytest.raises(AudioError, match=r"gone\.wav"):
        store_patches(gone, ONE, WHOLE, tmp_path / "mel", map)
    assert list((tmp_path / "mel").iterdir()) == []


def test_a_map_that_breaks_off_leaves_no_store(clips, tmp_path):
    def each(function, items):
        yield function(items[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_patches(clips, ONE, WHOLE, tmp_path / "mel", each)
    assert list((tmp_path / "mel").iterdir()) == []


def test_clips_shorter_than_a_patch_are_reported_with_the_length_needed(clips, tmp_path):
    short = Clip.model_construct(min_seconds=0.1, clip_seconds=0.5, windows_per_track=1)
    with pytest.raises(ValueError, match="too few: one vggish patch needs 15600 at 16000 Hz"):
        store_patches(clips, short, WHOLE, tmp_path, map)
    assert list(tmp_path.iterdir()) == []
