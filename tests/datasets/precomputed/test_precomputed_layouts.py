"""What others computed: every layout of a folder is read alike."""

import json

import numpy as np
import pandas as pd
import pytest
from precomputed_folder import IDS, SPECTROGRAMS, SPLIT, VALUES, opened

from genre_pred.core.tables import TRACK_COLUMNS
from genre_pred.datasets.sources.catalogue import SOURCES


def test_tracks_have_no_sound_and_the_publisher_s_split(root):
    tracks = opened(root).tracks
    assert list(tracks) == list(TRACK_COLUMNS)
    assert tracks["clip_id"].tolist() == IDS
    assert tracks["split"].tolist() == SPLIT
    assert tracks["path"].tolist() == [""] * 5
    assert tracks["artist"].isna().all()


def test_the_words_of_fma_and_torchaudio_are_understood(root):
    text = (root / "clips.csv").read_text()
    text = text.replace("train", "training").replace("validation", "valid")
    (root / "clips.csv").write_text(text)
    assert opened(root).tracks["split"].tolist() == SPLIT


def test_artists_are_read(root):
    table = pd.read_csv(root / "clips.csv", keep_default_na=False)
    table.assign(artist=["NA", 1, "", "x", "x"]).to_csv(root / "clips.csv", index=False)
    artists = opened(root).tracks["artist"]
    assert artists.isna().tolist() == [False, False, True, False, False]
    assert artists.iloc[0] == "NA"


@pytest.mark.parametrize("kind", ["npy", "csv", "parquet", "csv by clip", "parquet by clip"])
def test_features_come_in_the_order_asked_for(root, kind):
    (root / "features" / "vggish.npy").unlink()
    table = pd.DataFrame(VALUES, columns=[f"f{i}" for i in range(12)])
    if kind.endswith("by clip"):
        table.insert(3, "clip_id", IDS)
        table = table.sample(frac=1, random_state=1)
    path = root / "features" / f"mine.{kind.split()[0]}"
    match path.suffix:
        case ".npy":
            np.save(path, VALUES.reshape(5, 3, 4))
        case ".csv":
            table.to_csv(path, index=False)
        case ".parquet":
            table.to_parquet(path, index=False)
    found = opened(root).features(["c", "a"])["mine"]
    assert found["clip_id"].tolist() == ["c", "a"]
    assert found["window"].tolist() == [0, 0]
    values = found.drop(columns=["clip_id", "window"])
    assert (values.dtypes == np.float32).all()
    np.testing.assert_allclose(values, VALUES[[2, 0]], rtol=1e-6)


@pytest.mark.parametrize("told", [None, "last", "first"])
def test_spectrograms_come_time_first_and_lowest_band_first(root, told):
    if told:
        (root / "spectrograms.json").write_text(json.dumps({"lowest_band": told}))
    spectrograms = opened(root).spectrograms["spectrograms"]
    assert len(spectrograms) == 5
    assert spectrograms.shape == (1, 9, 6)  # channels, frames, bands
    found = spectrograms.of(["7", "b"])
    assert len(found) == 2
    for spectrogram, row in zip(found, [4, 1], strict=True):
        picture = SPECTROGRAMS[row] if told == "first" else SPECTROGRAMS[row][::-1]
        assert spectrogram.dtype == np.float32
        np.testing.assert_allclose(spectrogram, picture.T[None] / 255)


def test_floating_spectrograms_keep_their_values(root):
    values = np.random.default_rng(2).standard_normal((5, 6, 9)).astype(np.float16)
    np.save(root / "spectrograms.npy", values)
    np.testing.assert_array_equal(
        opened(root).spectrograms["spectrograms"][3], values[3][::-1].T[None].astype(np.float32)
    )


def test_everything_goes_through_the_registry(root, params, tmp_path):
    data = params.data.model_copy(update={"source": "precomputed", "path": str(root)})
    asked = params.model_copy(update={"data": data})
    source = SOURCES["precomputed"]
    assert source.download(tmp_path / "raw", asked, map) == 3
    listing = pd.read_csv(tmp_path / "raw" / "listing.csv")
    assert listing["path"].tolist() == ["clips.csv", "features/vggish.npy", "spectrograms.npy"]
    assert source.tracks(tmp_path / "raw", asked)["split"].tolist() == SPLIT
    assert list(source.contents(asked).features(IDS)) == ["vggish"]
    with_sound = [name for name, source in SOURCES.items() if source.contents is None]
    assert set(SOURCES) - set(with_sound) == {"precomputed"}
