"""What others computed, laid out by one stage and taken by the next."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.audio.descriptors.clips_to_descriptors import take_descriptors
from genre_pred.audio.logmel.clips_to_patches import take_patches
from genre_pred.core.errors import UserError
from genre_pred.core.files import digest
from genre_pred.core.patch_store import open_patches
from genre_pred.core.tables import have_sound
from genre_pred.datasets.precomputed.cleaning import clean_precomputed
from genre_pred.datasets.precomputed.contents import open_contents
from genre_pred.datasets.precomputed.handover import store_contents

VALUES = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
SPECTROGRAMS = np.random.default_rng(1).integers(0, 256, (4, 6, 9), dtype=np.uint8)


@pytest.fixture
def contents(tmp_path):
    """Four clips; the last has the numbers of the first."""
    root = tmp_path / "given"
    (root / "features").mkdir(parents=True)
    table = pd.DataFrame({"clip_id": list("abcd"), "genre": ["jazz", "blues"] * 2})
    table.to_csv(root / "clips.csv", index=False)
    VALUES[3], SPECTROGRAMS[3] = VALUES[0], SPECTROGRAMS[0]
    np.save(root / "features" / "mine.npy", VALUES)
    np.save(root / "spectrograms.npy", SPECTROGRAMS)
    return open_contents(root, "small")


def laid_out(contents, folder):
    clips, rejected = clean_precomputed(contents)
    assert rejected["clip_id"].tolist() == ["d"]
    assert not have_sound(clips)
    ids = clips["clip_id"].tolist()
    return store_contents(clips, contents.features(ids), contents.spectrograms_of(ids), folder)


def test_features_become_descriptors_of_the_clips_that_are_kept(contents, tmp_path):
    assert laid_out(contents, tmp_path / "computed") == {"mine": 3, "spectrograms": 3}
    table = take_descriptors(tmp_path / "computed")["mine"]
    assert table["clip_id"].tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(table.drop(columns=["clip_id", "window"]), VALUES[:3])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_spectrograms_become_patches(contents, tmp_path, dtype):
    laid_out(contents, tmp_path / "computed")
    assert take_patches(tmp_path / "computed", tmp_path / "mel", dtype) == {"spectrograms": 3}
    store = open_patches(tmp_path / "mel" / "spectrograms")
    assert store.patches.shape == (3, 1, 9, 6)
    assert store.patches.dtype == dtype
    expected = SPECTROGRAMS[:3, ::-1].transpose(0, 2, 1)[:, None] / 255
    np.testing.assert_allclose(store.patches, expected, atol=1e-3 if dtype == "float16" else 1e-7)
    assert store.index["clip_id"].tolist() == ["a", "b", "c"]
    same = digest(tmp_path / "mel") == digest(tmp_path / "computed" / "mel")
    assert same == (dtype == "float32")  # then DVC keeps them once


def test_where_nothing_was_computed_nothing_is_taken(tmp_path):
    assert take_descriptors(tmp_path) == {}
    assert take_patches(tmp_path, tmp_path / "mel", "float32") == {}


def test_clips_with_samples_are_sound():
    assert have_sound(pd.DataFrame({"n_samples": [3, 4]}))
    assert not have_sound(pd.DataFrame({"n_samples": [0, 0]}))


def test_numbers_too_large_for_the_store_are_an_error(contents, tmp_path):
    laid_out(contents, tmp_path / "computed")
    path = tmp_path / "computed" / "mel" / "spectrograms.npy"
    np.save(path, np.load(path) + np.float32(1e5))
    with pytest.raises(UserError, match="set mel.dtype to float32"):
        take_patches(tmp_path / "computed", tmp_path / "mel", "float16")
    assert not list((tmp_path / "mel").glob("*"))
