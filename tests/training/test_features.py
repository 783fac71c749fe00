"""Feature sets: hand-computed values, shapes, and missing files."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.audio.descriptors.fma import FAMILIES, fma
from genre_pred.core.errors import UserError
from genre_pred.core.patch_store import PatchWriter
from genre_pred.core.tables import write_table
from genre_pred.training.classical.features import (
    FEATURE_SETS,
    feature_set,
    flatten,
    log_mel_statistics,
    patch_statistics,
    read_features,
)

INDEX = pd.DataFrame({"clip_id": ["b", "a", "a"], "window": [0, 0, 1]})


@pytest.fixture(scope="module")
def fma_columns():
    """518 names, as the descriptors stage writes them."""
    return list(fma(np.zeros(22_050, np.float32), 22_050).index)


@pytest.fixture
def data(tmp_path, fma_columns):
    """What the stages before leave: 3 rows, of 2 patches where there are patches."""
    rng = np.random.default_rng(0)
    (tmp_path / "embeddings").mkdir()
    np.save(tmp_path / "embeddings" / "vggish.npy", rng.random((3, 2, 4), dtype=np.float32))
    write_table(INDEX, tmp_path / "embeddings" / "vggish.parquet")
    for name in ("mn04", "mn10", "mn20", "mn40"):
        np.save(tmp_path / "embeddings" / f"{name}.npy", rng.random((3, 2, 5), dtype=np.float32))
        write_table(INDEX, tmp_path / "embeddings" / f"{name}.parquet")
    for name in ("mfcc", "gtzan", "fma"):
        columns = fma_columns if name == "fma" else list("vwxyz")
        values = rng.random((3, len(columns)), dtype=np.float32)
        described = pd.DataFrame(values, columns=columns)
        write_table(INDEX.join(described), tmp_path / "descriptors" / f"{name}.parquet")
    for name in ("vggish", "spectrograms"):
        with PatchWriter(tmp_path / "mel" / name, 3, (2, 6, 3), "float16") as writer:
            for row in range(3):
                writer.write(row, rng.random((2, 6, 3)))
            writer.close(INDEX)
    return tmp_path


def test_patch_statistics_by_hand():
    embeddings = np.array([[[1, 10], [3, 10]], [[0, 0], [0, 4]]], np.float32)
    expected = [[2, 10, 1, 0], [0, 2, 0, 2]]  # means, then deviations, over the 2 patches
    np.testing.assert_array_equal(patch_statistics(embeddings), expected)


def test_log_mel_statistics_by_hand():
    # one row of 2 patches of 2 frames of 2 bands: bands 1 3 5 7 and 2 2 2 2
    patches = np.array([[[[1, 2], [3, 2]], [[5, 2], [7, 2]]]], np.float16)
    found = log_mel_statistics(patches)
    np.testing.assert_allclose(found, [[4, 2, np.sqrt(5), 0]], rtol=1e-6)
    assert found.dtype == np.float32


def test_half_precision_loses_nothing_in_the_sums():
    patches = np.full((1, 40, 96, 2), -4.6055, np.float16)
    np.testing.assert_allclose(log_mel_statistics(patches)[0, :2], np.float16(-4.6055), rtol=1e-6)


def test_flattening_keeps_each_row_together():
    values = np.arange(12).reshape(2, 3, 2)
    assert flatten(values).tolist() == [list(range(6)), list(range(6, 12))]
    assert flatten(values).dtype == np.float32


N_FEATURES = {"vggish": 8, "vggish_pca": 8, "vggish_stats": 8, "mfcc": 5, "gtzan": 5}
N_FEATURES |= {"mn04": 10, "mn10": 10, "mn20": 10, "mn40": 10}
N_FEATURES |= {"log_mel_stats": 6, "log_mel_pca": 36, "spectrograms": 36, "spectrogram_stats": 6}
# As FMA's paper has them in its table.
N_FEATURES |= {
    "fma": 518,
    "fma_chroma_cens": 84,
    "fma_chroma_cqt": 84,
    "fma_chroma_stft": 84,
    "fma_mfcc": 140,
    "fma_rmse": 7,
    "fma_spectral_bandwidth": 7,
    "fma_spectral_centroid": 7,
    "fma_spectral_contrast": 49,
    "fma_spectral_rolloff": 7,
    "fma_tonnetz": 42,
    "fma_zcr": 7,
    "fma_mfcc_contrast": 189,
    "fma_mfcc_contrast_chroma": 273,
    "fma_mfcc_contrast_centroid": 196,
    "fma_mfcc_contrast_chroma_centroid": 280,
    "fma_mfcc_contrast_chroma_centroid_tonnetz": 322,
    "fma_mfcc_contrast_chroma_centroid_zcr": 287,
}


@pytest.mark.parametrize("name", list(FEATURE_SETS))
def test_every_feature_set_reads_its_rows(data, name):
    features, index = read_features(name, data)
    assert (features.shape, features.dtype) == ((3, N_FEATURES[name]), np.float32)
    assert index["clip_id"].tolist() == ["b", "a", "a"]
    assert index["window"].tolist() == [0, 0, 1]


def test_summaries_are_those_of_what_was_stored(data):
    stored = np.load(data / "embeddings" / "vggish.npy")
    found, _ = read_features("vggish_stats", data)
    np.testing.assert_allclose(found[1, :4], stored[1].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(read_features("vggish", data)[0][2], stored[2].ravel())


def test_families_are_their_columns_of_the_set(data):
    table = pd.read_parquet(data / "descriptors" / "fma.parquet")
    features, _ = read_features("fma_mfcc_contrast_centroid", data)
    wanted = table.filter(regex="^(mfcc|spectral_contrast|spectral_centroid)_")
    np.testing.assert_array_equal(features, wanted.to_numpy())


def test_every_family_that_is_named_exists():
    named = {family for spec in FEATURE_SETS.values() for family in spec.families}
    assert named == set(FAMILIES)
    assert all(spec.origin == "fma" for spec in FEATURE_SETS.values() if spec.families)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_feature_is_reported_with_its_clip(data, bad):
    path = data / "embeddings" / "vggish.npy"
    embeddings = np.load(path)
    embeddings[2, 1, 3] = bad
    np.save(path, embeddings)
    with pytest.raises(ValueError, match="the features vggish of a are not finite"):
        read_features("vggish", data)


@pytest.mark.parametrize("name", list(FEATURE_SETS))
def test_missing_features_are_an_error(tmp_path, name):
    with pytest.raises(UserError, match=f"features {name} need {FEATURE_SETS[name].origin} in"):
        read_features(name, tmp_path)


def test_precomputed_features_are_read_by_name_and_with_pca(data):
    table = pd.DataFrame({"clip_id": ["b"], "window": [0], "x": [1.0], "y": [2.0]})
    for name in ("vggish", "theirs"):
        write_table(table, data / "descriptors" / f"{name}.parquet")
    for name, approach, pca in (
        ("vggish", "embedding", False),  # goes before the embedding called the same
        ("vggish_pca", "embedding", True),
        ("theirs", "descriptors", False),
        ("theirs_pca", "descriptors", True),
    ):
        spec = feature_set(name, data)
        assert (spec.kind, spec.approach, spec.pca) == ("descriptors", approach, pca)
        assert read_features(name, data)[0].tolist() == [[1.0, 2.0]]
    with pytest.raises(
        UserError, match="names 'ours'; known are .*theirs_pca.*vggish.*NETWORK_finetuned"
    ):
        feature_set("ours", data)
