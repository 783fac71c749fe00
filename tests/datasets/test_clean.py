"""Every rejected file has a reason, and no file is changed."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_pred.config.sections import Clean, Clip, Compute
from genre_pred.core.files import digest
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.core.tables import CLIP_COLUMNS
from genre_pred.datasets.clean.tracks import TooManyRejected, clean_tracks, measure_or_reason

CLIP = Clip(min_seconds=2.0, clip_seconds=3.0, windows_per_track=1)
LENIENT = Clean(min_rms_db=-60.0, max_rejected=1.0)


def tracks_of(paths):
    return pd.DataFrame(
        {
            "clip_id": [path.name for path in paths],
            "path": [str(path) for path in paths],
            "genre": "jazz",
            "artist": "x",
            "split": "train",
        }
    )


@pytest.fixture(scope="module")
def raw(tmp_path_factory, write_sound):
    """Two good files and one of every fault."""
    folder = tmp_path_factory.mktemp("raw")
    good = write_sound(folder / "a.wav", seed=1)
    write_sound(folder / "b.wav", seconds=2.0, rate=11_025, seed=2)
    write_sound(folder / "short.wav", seconds=1.99, seed=3)
    soundfile.write(folder / "silent.wav", np.zeros(24_000), 8000)
    write_sound(folder / "whisper.wav", level=1e-3, seed=4)
    (folder / "text.mp3").write_text("this is no music " * 100)
    (folder / "nothing.wav").write_bytes(b"")
    samples, rate = soundfile.read(good, dtype="int16")
    soundfile.write(folder / "other name.flac", samples, rate)
    shutil.copy(good, folder / "z copy.wav")
    return folder


NAMES = [
    "a.wav",
    "b.wav",
    "short.wav",
    "silent.wav",
    "whisper.wav",
    "text.mp3",
    "nothing.wav",
    "other name.flac",
    "z copy.wav",
    "missing.wav",
]


def clean(raw, names=NAMES, settings=LENIENT, each=map):
    return clean_tracks(tracks_of([raw / name for name in names]), CLIP, settings, each)


def test_good_files_are_kept_with_their_measurements(raw):
    clips, _ = clean(raw)
    assert list(clips) == list(CLIP_COLUMNS)
    assert clips["clip_id"].tolist() == ["a.wav", "b.wav"]
    assert clips["sample_rate"].tolist() == [8000, 11_025]
    assert clips["n_samples"].tolist() == [24_000, 22_050]
    samples, _ = soundfile.read(raw / "a.wav")
    rms_db = 10 * np.log10(np.mean(samples**2))
    assert clips["rms_db"].iloc[0] == pytest.approx(rms_db, abs=0.006)
    assert clips["content"].nunique() == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("short.wav", "too short: 2.0 s of at least 2 s"),
        ("silent.wav", "silent: -200 dB of at least -60 dB"),
        ("whisper.wav", "silent: -63 dB of at least -60 dB"),
        ("text.mp3", "is not a sound file that can be decoded"),
        ("nothing.wav", "the file is empty"),
        ("other name.flac", "identical to a.wav"),
        ("z copy.wav", "identical to a.wav"),
        ("missing.wav", "cannot be read (No such file or directory)"),
    ],
)
def test_every_rejected_file_has_its_reason(raw, name, reason):
    _, rejected = clean(raw)
    assert list(rejected) == ["clip_id", "path", "reason"]
    assert rejected["clip_id"].tolist() == NAMES[2:]
    found = rejected.set_index("clip_id").loc[name]
    assert found["reason"].startswith(reason)
    assert found["path"] == str(raw / name)


def test_a_rejected_file_does_not_count_as_a_duplicate(raw, tmp_path):
    for name in ("one", "two"):
        shutil.copy(raw / "short.wav", tmp_path / f"{name}.wav")
    _, rejected = clean(tmp_path, ["one.wav", "two.wav"])
    assert [reason.split(":")[0] for reason in rejected["reason"]] == ["too short", "too short"]


def test_the_first_of_two_duplicates_is_kept(raw):
    clips, rejected = clean(raw, ["z copy.wav", "a.wav"])
    assert clips["clip_id"].tolist() == ["z copy.wav"]
    assert rejected["reason"].tolist() == ["identical to z copy.wav"]


def test_the_share_that_may_be_bad_is_a_limit(raw):
    names = ["a.wav", "b.wav", "short.wav", "silent.wav"]
    _, rejected = clean(raw, names, Clean(min_rms_db=-60.0, max_rejected=0.5))
    assert len(rejected) == 2
    with pytest.raises(TooManyRejected) as caught:
        clean(raw, names, Clean(min_rms_db=-60.0, max_rejected=0.49))
    text = str(caught.value)
    assert text.startswith("2 of 4 files are bad, more than clean.max_rejected = 0.49 allows")
    assert f"{raw / 'short.wav'}: too short" in text
    assert "silent: -200 dB of at least -60 dB (1)" in text


def test_the_raw_files_stay_as_they_are(raw):
    before = digest(raw), {path: path.stat().st_mtime_ns for path in raw.iterdir()}
    clean(raw)
    assert (digest(raw), {path: path.stat().st_mtime_ns for path in raw.iterdir()}) == before


def test_two_processes_give_the_result_of_one(raw):
    found = clean(raw, each=clip_map(Compute(workers=2, scheduler=None), "clean"))
    for one, other in zip(clean(raw), found, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_mistake_of_ours_is_no_reason(monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr("genre_pred.datasets.clean.tracks.measure", broken)
    with pytest.raises(ZeroDivisionError):
        measure_or_reason(str(Path("x.wav")))


def test_of_duplicates_on_two_sides_the_test_clip_is_kept(raw):
    names = ["a.wav", "other name.flac", "b.wav"]
    tracks = tracks_of([raw / name for name in names])
    for sides, kept, reason in (
        (["train", "test", "train"], ["other name.flac", "b.wav"], "which is in test"),
        (["left out", "train", "test"], ["other name.flac", "b.wav"], "which is in train"),
        (["train", "train", "test"], ["a.wav", "b.wav"], "identical to a.wav"),
    ):
        clips, rejected = clean_tracks(tracks.assign(split=sides), CLIP, LENIENT, map)
        assert clips["clip_id"].tolist() == kept
        assert rejected["reason"].iloc[0].endswith(reason)
