"""What others computed, as it was really published."""

import os
from pathlib import Path

import pytest
from precomputed_folder import opened

from genre_pred.datasets.precomputed.cleaning import clean_precomputed
from genre_pred.datasets.split.methods import split_clips


@pytest.fixture
def real():
    folder = os.environ.get("GENRE_PRED_TEST_DATA")
    if not folder:
        pytest.skip("GENRE_PRED_TEST_DATA names no folder with real data")
    return Path(folder)


def test_real_fma_small(real):
    contents = opened(real / "fma_small")
    assert contents.tracks["split"].value_counts().to_dict() == {"train": 6394, "validation": 800}
    assert contents.spectrograms["spectrograms"].shape == (1, 128, 128)
    clips, rejected = clean_precomputed(contents)
    assert (len(clips), len(rejected)) == (7194, 0)  # its twins are never across the split


def test_real_gtzan_features(real, params):
    path = real / "tables" / "gtzan_features_30_sec.csv"
    clips, _ = clean_precomputed(opened(path))
    sides = clips["split"].value_counts().to_dict()
    assert (sides["train"], sides["validation"], sides["test"]) == (443, 197, 290)
    filtered = split_clips(clips, params.split)
    assert filtered["split"].value_counts().to_dict() == {
        "train": 443,
        "test": 290,
        "validation": 197,
    }
    folds = params.split.model_copy(update={"method": "folds"})
    assert len(split_clips(clips, folds)) == 986  # without its 14 twins


def test_real_pictures(real):
    contents = opened(real / "s4_spectrograms")
    assert contents.tracks["split"].value_counts().to_dict() == {"train": 50, "test": 30}
    assert contents.spectrograms["images"].shape == (4, 432, 288)
    assert contents.spectrograms["spectrograms"].shape == (1, 336, 218)
    assert len(contents.digests()) == 80
