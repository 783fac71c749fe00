"""Excerpts: as many as asked for, at the right places, always of the same length."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.excerpts import (
    Recording,
    excerpt_starts,
    excerpt_to_waveform,
    read_excerpts,
    window_index,
)
from genre_pred.audio.logmel.clips_to_patches import excerpt_to_patches
from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.config.sections import Clip

RATE = 8000


def clip_of(seconds, windows=1):
    return Clip(min_seconds=0.5, clip_seconds=seconds, windows_per_track=windows)


def recording(path, rate=RATE):
    return Recording(path, rate, soundfile.info(path).frames)


@pytest.fixture(scope="module")
def path(tmp_path_factory, write_sound):
    """Five seconds."""
    return write_sound(tmp_path_factory.mktemp("sound") / "a.wav", seconds=5.0, rate=RATE)


def test_one_excerpt_is_the_middle_of_the_track(path):
    (excerpt,) = read_excerpts(recording(path), clip_of(2.0), 1)
    samples, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(excerpt, samples[12_000:28_000])


def test_more_excerpts_do_not_overlap(path):
    two = list(read_excerpts(recording(path), clip_of(1.0), 2))
    samples, _ = soundfile.read(path, dtype="float32")
    assert excerpt_starts(recording(path), clip_of(1.0), 2) == [8000, 24_000]
    np.testing.assert_array_equal(two[0], samples[8000:16_000])
    np.testing.assert_array_equal(two[1], samples[24_000:32_000])


@pytest.mark.parametrize(
    ("seconds", "asked", "given"),
    [(1.0, 1, 1), (1.0, 3, 3), (1.0, 9, 5), (2.0, 9, 2), (3.0, 9, 1), (9.0, 9, 1), (1.0, None, 5)],
)
def test_there_are_as_many_excerpts_as_fit(path, seconds, asked, given):
    excerpts = list(read_excerpts(recording(path), clip_of(seconds), asked))
    assert [len(excerpt) for excerpt in excerpts] == [round(seconds * RATE)] * given


@pytest.mark.parametrize("seconds", [0.5, 2.0, 4.9])
def test_a_file_that_has_become_shorter_is_reported(tmp_path, write_sound, seconds):
    heard = recording(write_sound(tmp_path / "a.wav", seconds=5.0, rate=RATE))
    write_sound(heard.source, seconds=seconds, rate=RATE)
    with pytest.raises(AudioError, match="has changed since it was first read"):
        list(read_excerpts(heard, clip_of(1.0), None))


def test_a_file_that_was_replaced_is_reported(tmp_path, write_sound):
    heard = recording(write_sound(tmp_path / "a.wav", seconds=5.0, rate=RATE))
    write_sound(heard.source, seconds=5.0, rate=2 * RATE)
    with pytest.raises(AudioError, match="has changed since it was first read"):
        list(read_excerpts(heard, clip_of(1.0), 1))


def test_a_short_track_is_repeated_to_length(path):
    (excerpt,) = read_excerpts(recording(path), clip_of(12.0), 1)
    samples, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(excerpt, np.concatenate([samples, samples, samples[:16_000]]))


def test_the_index_has_a_row_for_each_excerpt(path, tmp_path, write_sound):
    short = write_sound(tmp_path / "b.wav", seconds=1.5, rate=RATE)
    index = window_index(["x", "y"], [recording(path), recording(short)], clip_of(1.0, 3))
    assert list(index.itertuples(index=False, name=None)) == [
        ("x", 0), ("x", 1), ("x", 2), ("y", 0)
    ]  # fmt: skip


def test_recordings_are_the_rows_of_the_clips(path):
    clips = pd.DataFrame({"path": [str(path)], "sample_rate": [RATE], "n_samples": [40_000]})
    assert Recording.of(clips) == [Recording(path, RATE, 40_000)]


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_every_rate_gives_exactly_the_samples_asked_for(rate):
    excerpt = np.sin(2 * np.pi * 440 * np.arange(round(1.7 * rate)) / rate).astype(np.float32)
    waveform = excerpt_to_waveform(excerpt, rate, 16_000, clip_of(1.7))
    assert (waveform.shape, waveform.dtype) == ((27_200,), np.float32)
    expected = np.sin(2 * np.pi * 440 * np.arange(27_200) / 16_000)
    np.testing.assert_allclose(waveform[500:-500], expected[500:-500], atol=1e-3)


def test_patches_are_rounded_as_the_store_rounds_them():
    excerpt = np.random.default_rng(0).standard_normal(32_000).astype(np.float32) * 0.1
    front_end = FRONT_ENDS["vggish"]
    whole, half = (
        excerpt_to_patches(excerpt, 16_000, front_end, clip_of(2.0), dtype)
        for dtype in ("float32", "float16")
    )
    assert whole.shape == half.shape == (2, 96, 64)
    assert (whole.dtype, half.dtype) == (np.float32, np.float16)
    np.testing.assert_array_equal(whole.astype(np.float16), half)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_loudest_supported_samples_have_finite_patches(name):
    loudest = np.random.default_rng(0).choice(np.float32([-(2**32), 2**32]), 64_000)
    patches = excerpt_to_patches(loudest, 32_000, FRONT_ENDS[name], clip_of(2.0), "float16")
    assert np.isfinite(patches).all()


def test_an_excerpt_shorter_than_a_patch_is_reported_with_the_length_needed():
    with pytest.raises(ValueError, match="8000 samples are too few: one vggish patch needs 15600"):
        excerpt_to_patches(
            np.zeros(8000, np.float32),
            16_000,
            FRONT_ENDS["vggish"],
            Clip.model_construct(clip_seconds=0.5),
            "float32",
        )


def test_the_shortest_clip_that_params_allow_fills_a_patch_of_every_front_end():
    for front_end in FRONT_ENDS.values():
        assert front_end.patch_shape(clip_of(1.0).clip_seconds)[0] >= 1
