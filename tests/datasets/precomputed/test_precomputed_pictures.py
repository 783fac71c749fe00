"""Spectrograms that others drew: pictures laid out by side and by genre."""

import numpy as np
import pytest
from PIL import Image
from precomputed_folder import IDS, opened, read_all

from genre_pred.datasets.precomputed.cleaning import clean_precomputed
from genre_pred.datasets.sources.listing import SourceError


def draw(path, seed, size=(40, 24), mode="RGBA", margin=4):
    """A noise picture with a white margin."""
    width, height = size
    pixels = np.full((height, width, 3), 255, np.uint8)
    inner = (height - 2 * margin, width - 2 * margin, 3)
    noise = np.random.default_rng(seed).integers(0, 255, inner, dtype=np.uint8)
    pixels[margin : height - margin, margin : width - margin] = noise
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def test_a_tree_of_sides_gives_tracks_and_pictures(tmp_path):
    pixels = {}
    for n, name in enumerate(["train/jazz/1", "train/blues/1", "valid/jazz/2", "test/blues/1"]):
        pixels[name] = draw(tmp_path / f"{name}.png", n)
    contents = opened(tmp_path)
    tracks = contents.tracks.set_index("clip_id")
    assert tracks["split"].to_dict() == {
        "train/blues/1": "train",
        "train/jazz/1": "train",
        "valid/jazz/2": "validation",
        "test/blues/1": "test",
    }
    assert tracks["genre"]["valid/jazz/2"] == "jazz"
    assert tracks["path"]["test/blues/1"] == (tmp_path / "test/blues/1.png").as_posix()
    images = contents.spectrograms["images"].of(["valid/jazz/2"])
    assert images.shape == images[0].shape == (4, 40, 24)  # channels, time, bands from below
    np.testing.assert_allclose(
        images[0][:3], pixels["valid/jazz/2"][::-1].transpose(2, 1, 0) / 255, rtol=1e-6
    )
    assert (images[0][3] == 1).all()
    greys = contents.spectrograms["spectrograms"].of(["test/blues/1"])
    assert greys.shape == greys[0].shape == (1, 32, 16)  # without the margin
    inner = pixels["test/blues/1"][4:-4, 4:-4][::-1]
    expected = (inner @ [0.299, 0.587, 0.114]).T / 255
    np.testing.assert_allclose(greys[0][0], expected, atol=1e-6)


def test_a_picture_in_train_and_test_leaves_train(tmp_path):
    for name, seed in {"train/jazz/1": 0, "train/jazz/2": 1, "test/jazz/9": 1}.items():
        draw(tmp_path / f"{name}.png", seed)
    clips, rejected = clean_precomputed(opened(tmp_path))
    assert clips["clip_id"].tolist() == ["train/jazz/1", "test/jazz/9"]
    assert rejected["clip_id"].tolist() == ["train/jazz/2"]
    assert rejected["reason"].tolist() == ["identical to test/jazz/9, which is in test"]


def test_images_without_sides(tmp_path):
    draw(tmp_path / "images/jazz/1.png", 0, mode="L")
    draw(tmp_path / "images/blues/1.png", 1, mode="L")
    tracks = opened(tmp_path).tracks
    assert tracks["clip_id"].tolist() == ["images/blues/1", "images/jazz/1"]
    assert tracks["split"].isna().all()


def test_images_of_the_clips_in_clips_csv(root):
    (root / "spectrograms.npy").unlink()
    tracks = opened(root).tracks
    paths = [root / "images" / g / f"{c}.png" for c, g in zip(IDS, tracks["genre"], strict=True)]
    for n, path in enumerate(paths):
        draw(path, n)
    contents = read_all(root)
    assert contents.tracks["path"].tolist() == [path.as_posix() for path in paths]
    assert set(contents.spectrograms) == {"images", "spectrograms"}
    draw(root / "images" / "jazz" / "more.png", 9)
    with pytest.raises(SourceError, match=r"does not list 1 pictures \(such as .*more\.png\)"):
        opened(root)
    paths[2].unlink()
    with pytest.raises(SourceError, match=r"1 of 5 clips have no picture \(such as .*c\.png\)"):
        opened(root)


@pytest.mark.parametrize("damage", ["size", "truncated", "text"])
def test_a_picture_that_does_not_fit_is_named(tmp_path, damage):
    draw(tmp_path / "train/jazz/1.png", 0)
    path = tmp_path / "train/jazz/2.png"
    draw(path, 1, size=(41, 24) if damage == "size" else (40, 24))
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "text":
        path.write_text("no picture")
    with pytest.raises(
        SourceError, match=r"2\.png (has \(41, 24\) pixels|is not a readable picture)"
    ):
        read_all(tmp_path)


def test_a_genre_whose_pictures_cannot_be_read_is_not_left_out(tmp_path, forbid):
    for genre in ("blues", "jazz"):
        draw(tmp_path / "images" / genre / "1.png", 0)
    forbid(tmp_path / "images" / "jazz")
    with pytest.raises(SourceError, match=r"images/jazz cannot be read \(Permission denied\)"):
        opened(tmp_path)
