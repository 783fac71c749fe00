"""Novelty in a plane of two genres."""

import pickle

import numpy as np
import pandas as pd
import pytest

from genre_pred.inference.novelty import NoveltyDetector


def collection(folds, n=200, seed=0, features=30):
    """Two clouds in so many dimensions; half of the clips have two windows."""
    rng = np.random.default_rng(seed)
    clips = pd.DataFrame({"clip_id": [f"c{i}" for i in range(n)]})
    clips["genre"] = np.where(np.arange(n) % 2, "jazz", "rock")
    clips["path"] = "music/" + clips["clip_id"] + ".mp3"
    clips["content"] = "digest of " + clips["clip_id"]
    split = clips[["clip_id"]].assign(
        split="validation" if folds else np.where(np.arange(n) < 0.7 * n, "train", "validation"),
        fold=np.arange(n) % 5 if folds else -1,
    )
    index = pd.DataFrame(
        [(f"c{i}", window) for i in range(n) for window in range(1 + i % 2)],
        columns=["clip_id", "window"],
    )
    number = index["clip_id"].str[1:].astype(int).to_numpy()
    values = rng.normal(size=(len(index), features)) + 6 * (number % 2)[:, None]
    return values.astype(np.float32), index, clips, split


@pytest.mark.parametrize(("folds", "features"), [(False, 30), (True, 30), (True, 100)])
def test_it_accepts_the_share_that_was_asked_for_and_names_neighbours(folds, features):
    values, index, clips, split = collection(folds, features=features)
    known = NoveltyDetector.fit(values, index, clips, split, 0.9)
    fresh, *_ = collection(folds, seed=1, features=features)
    told = [known.compare([row]) for row in fresh]
    accepted = np.mean([novelty <= known.threshold for novelty, _ in told])
    assert accepted == pytest.approx(0.9, abs=0.08)
    of_clip = index["clip_id"].str[1:].astype(int).to_numpy()
    for (_, nearest), number in zip(told, of_clip, strict=True):
        assert len({it.clip_id for it in nearest}) == 3
        assert {it.genre for it in nearest} == {"jazz" if number % 2 else "rock"}
        assert sorted(it.distance for it in nearest) == [it.distance for it in nearest]
    learnt = set(split.loc[split["split"].eq("train") | folds, "clip_id"])
    assert set(known.clip_id) == learnt


def test_what_is_elsewhere_is_novel_in_any_direction():
    known = NoveltyDetector.fit(*collection(False), 0.95)
    for place in np.vstack([12 * np.eye(30), np.full((1, 30), -9), np.full((1, 30), 3)]):
        assert known.compare([place])[0] > known.threshold


def test_a_feature_constant_in_training_detects_novelty():
    values, *rest = collection(False)
    values[:, 7] = 1.0
    known = NoveltyDetector.fit(values, *rest, 0.95)
    strange = values[0].copy()
    strange[7] = 50.0
    assert known.compare([strange])[0] > known.threshold >= 0


def test_a_training_clip_is_its_own_nearest_and_windows_are_averaged():
    values, index, clips, split = collection(False)
    known = NoveltyDetector.fit(values, index, clips, split, 0.95)
    _, nearest = known.compare([values[0]])
    assert nearest[0].clip_id == "c0"
    assert (nearest[0].path, nearest[0].content) == ("music/c0.mp3", "digest of c0")
    assert nearest[0].distance == pytest.approx(0, abs=1e-3)
    one, other = (known.compare([values[row]])[0] for row in (0, 1))
    both, _ = known.compare([values[0], values[1]])
    assert both == pytest.approx((one + other) / 2)


def test_it_is_written_without_pickles_and_twice_the_same(tmp_path, monkeypatch):
    known = NoveltyDetector.fit(*collection(False), 0.95)
    known.save(tmp_path / "one.npz")
    NoveltyDetector.fit(*collection(False), 0.95).save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("unpickled"))
    read = NoveltyDetector.load(tmp_path / "one.npz")
    values, *_ = collection(False)
    assert read.compare([values[3]]) == known.compare([values[3]])


def test_what_was_saved_before_contents_were_kept_can_be_read(tmp_path):
    known = NoveltyDetector.fit(*collection(False), 0.95)
    of_old = {name: value for name, value in vars(known).items() if name != "content"}
    np.savez(tmp_path / "old.npz", **of_old)
    read = NoveltyDetector.load(tmp_path / "old.npz")
    (row, *_), *_ = collection(False)
    assert [it.content for it in read.compare([row])[1]] == ["", "", ""]


def test_very_few_clips_will_do():
    values, index, clips, split = collection(False, n=4)
    known = NoveltyDetector.fit(values, index, clips, split, 0.95)
    assert np.isfinite(known.compare([values[0]])[0])
    assert len(known.compare([values[0]])[1]) == 3
