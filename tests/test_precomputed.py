"""What others computed: every layout, and a sentence for everything that does not fit."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from genre_pred.clips import CLIPS, TRACKS
from genre_pred.sources import SOURCES
from genre_pred.sources.gtzan import GENRES
from genre_pred.sources.listing import SourceError
from genre_pred.sources.precomputed import clean_precomputed, open_contents
from genre_pred.split import split_clips

IDS = ["a", "b", "c", "NA", "7"]
SPLIT = ["train", "train", "validation", "test", "test"]
VALUES = np.random.default_rng(0).standard_normal((5, 12)).astype(np.float32)
SPECTROGRAMS = np.random.default_rng(1).integers(0, 256, (5, 6, 9), dtype=np.uint8)


@pytest.fixture
def root(tmp_path):
    """A folder of clips with an array of features and one of spectrograms."""
    table = {"clip_id": IDS, "genre": ["jazz", "blues"] * 2 + ["jazz"], "split": SPLIT}
    pd.DataFrame(table).to_csv(tmp_path / "clips.csv", index=False)
    (tmp_path / "features").mkdir()
    np.save(tmp_path / "features" / "vggish.npy", VALUES)
    np.save(tmp_path / "spectrograms.npy", SPECTROGRAMS)
    return tmp_path


def opened(root):
    return open_contents(root, "small")


def read_all(root):
    contents = opened(root)
    contents.digests()
    return contents


# a folder of clips


def test_tracks_have_no_sound_and_the_publisher_s_split(root):
    tracks = opened(root).tracks
    assert list(tracks) == list(TRACKS)
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


CLIPS_CSV = "clip_id,genre,split\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip,genre\na,jazz\n", r"clips\.csv lacks the column clip_id"),
        ("clip_id,label\na,jazz\n", r"clips\.csv lacks the column genre"),
        ("clip_id,genre\na,jazz\na,blues\n", r"clips\.csv has a twice"),
        ("clip_id,genre\na,jazz\nb,\n", r"clips\.csv has no genre in line 3"),
        ("clip_id,genre\n,jazz\nb,\n", r"clips\.csv has no clip_id in line 2"),
        ("clip_id,genre\n", r"clips\.csv names no clip"),
        ("clip_id,genre\na,split\n", "a genre cannot be called split"),
        (CLIPS_CSV + "a,jazz,train\nb,jazz,dev\n", r"gives b the split 'dev'; known are train, "),
        (CLIPS_CSV + "a,jazz,train\nb,jazz,\n", r"gives b no split; known are"),
        (CLIPS_CSV + "a,jazz,Train\n", "gives a the split 'Train'"),
        (CLIPS_CSV + "a,jazz,train\n", r"vggish\.npy has 5 rows, clips\.csv 1"),
        ("", "is not a table in UTF-8"),
    ],
)
def test_clips_csv_that_is_wrong_is_a_sentence(root, text, said):
    (root / "spectrograms.npy").unlink()
    (root / "clips.csv").write_text(text)
    with pytest.raises(SourceError, match=said):
        read_all(root)


def by_clip(ids, values=1.0):
    return pd.DataFrame({"clip_id": ids, "f": values})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (by_clip(["a", "b", "c", "NA"]), r"lacks 1 of 5 clips \(as 7\)"),
        (by_clip([*IDS, "d"]), r"has 1 clips that clips\.csv does not name \(as d\)"),
        (by_clip([*IDS, "a"]), "has a twice"),
        (by_clip([*IDS[:4], None]), "has a row without clip_id"),
        (by_clip(IDS, [1, 2, np.nan, 4, np.inf]), r"f of c is nan, no finite number \(and 1 more"),
        (by_clip(IDS, [1, 2, 1e300, 4, 5]), "f of c is inf"),
        (by_clip(IDS, list("abcde")), "the column f does not hold numbers"),
        (by_clip(IDS)[["clip_id"]], "holds no features"),
        (by_clip(IDS)[["f"]].iloc[:4], r"has 4 rows, clips\.csv 5"),
    ],
)
def test_a_table_of_features_that_does_not_fit_is_a_sentence(root, table, said):
    path = root / "features" / "mine.parquet"
    table.to_parquet(path, index=False)
    with pytest.raises(SourceError, match=said) as caught:
        read_all(root)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (VALUES[:4], r"has 4 rows, clips\.csv 5"),
        (VALUES[:, 0], r"has the shape \(5,\)"),
        (np.array([[None]] * 5), "is not an array of numbers"),
        (np.array([["x"]] * 5), "is not an array of numbers"),
        (np.where(np.eye(5, 12), np.nan, 0), r"vggish_00 of a is nan, .* \(and 4 more\)"),
    ],
)
def test_an_array_of_features_that_does_not_fit_is_a_sentence(root, values, said):
    np.save(root / "features" / "vggish.npy", values, allow_pickle=True)
    with pytest.raises(SourceError, match=said):
        read_all(root)


@pytest.mark.parametrize("name", ["mine.npy", "mine.csv", "mine.parquet"])
def test_a_file_of_another_kind_is_a_sentence(root, name):
    (root / "features" / name).write_bytes(b"")
    with pytest.raises(SourceError, match=r"mine\.\w+ is not "):
        read_all(root)


def test_features_of_one_name_or_of_no_known_kind(root):
    (root / "features" / "vggish.csv").write_text("f\n1\n")
    with pytest.raises(SourceError, match="has vggish twice"):
        opened(root)
    (root / "features" / "vggish.csv").rename(root / "features" / "vggish.pkl")
    with pytest.raises(SourceError, match=r"vggish\.pkl is none of features/NAME\.npy"):
        opened(root)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (SPECTROGRAMS[:4], r"spectrograms\.npy has 4 rows, clips\.csv 5"),
        (SPECTROGRAMS[0], r"has the shape \(6, 9\): it must be clips x bands x frames"),
        (np.where(np.arange(5) == 3, np.nan, 0)[:, None, None] + SPECTROGRAMS, "of NA is not fini"),
    ],
)
def test_spectrograms_that_do_not_fit_are_a_sentence(root, values, said):
    np.save(root / "spectrograms.npy", values)
    with pytest.raises(SourceError, match=said):
        read_all(root)


@pytest.mark.parametrize("text", ["{", "[]", '{"lowest": "first"}', '{"lowest_band": 0}'])
def test_spectrograms_json_is_strict(root, text):
    (root / "spectrograms.json").write_text(text)
    with pytest.raises(SourceError, match=r"spectrograms\.json (is not valid JSON|must be)"):
        opened(root)


def test_a_folder_with_nothing_computed_says_what_may_be_there(root, tmp_path):
    (root / "spectrograms.npy").unlink()
    (root / "features" / "vggish.npy").unlink()
    (root / "features").rmdir()
    with pytest.raises(SourceError, match=r"nothing of its clips: there may be clips\.csv with"):
        opened(root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds nothing precomputed: there may be"):
        opened(tmp_path / "empty")
    with pytest.raises(SourceError, match="is not there: set data.path"):
        opened(tmp_path / "nowhere")


# twins


def twins_at(root, values, split=SPLIT):
    """Clean the folder with the features given as one number per clip."""
    (root / "spectrograms.npy").unlink(missing_ok=True)
    np.save(root / "features" / "vggish.npy", np.array(values, np.float32)[:, None])
    table = pd.read_csv(root / "clips.csv", dtype="string", keep_default_na=False)
    table = table.assign(split=split) if split else table.drop(columns="split")
    table.to_csv(root / "clips.csv", index=False)
    clips, rejected = clean_precomputed(opened(root))
    assert list(clips) == list(CLIPS)
    assert sorted([*clips["clip_id"], *rejected["clip_id"]]) == sorted(IDS)
    return dict(zip(rejected["clip_id"], rejected["reason"], strict=True))


def test_clips_that_differ_all_stay(root):
    clips, rejected = clean_precomputed(opened(root))
    assert clips["clip_id"].tolist() == IDS
    assert rejected.empty
    assert list(rejected) == ["clip_id", "path", "reason"]
    assert clips["content"].nunique() == 5
    assert clips["sample_rate"].tolist() == clips["n_samples"].tolist() == [0] * 5
    assert clips["rms_db"].isna().all()


def test_content_tells_every_number(root):
    before = opened(root).digests()
    changed = SPECTROGRAMS.copy()
    changed[1, 0, 0] ^= 1
    np.save(root / "spectrograms.npy", changed)
    values = VALUES.copy()
    values[3, 5] += 1
    np.save(root / "features" / "vggish.npy", values)
    differs = [one != other for one, other in zip(before, opened(root).digests(), strict=True)]
    assert differs == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ([1, 1, 2, 3, 4], {}),  # on one side: the publisher's table is the protocol
        ([1, 2, 1, 3, 4], {"a": "identical to c, which is in validation"}),
        ([1, 2, 3, 1, 4], {"a": "identical to NA, which is in test"}),
        ([1, 2, 3, 4, 3], {"c": "identical to 7, which is in test"}),
        (
            [1, 1, 1, 1, 1],
            dict.fromkeys(("a", "b", "c"), "identical to NA, which is in test"),
        ),
    ],
)
def test_a_twin_on_the_learning_side_is_rejected(root, values, reasons):
    assert twins_at(root, values) == reasons


def test_who_a_clip_is_does_not_depend_on_what_lies_beside_it(root):
    before, _ = clean_precomputed(opened(root))
    np.save(root / "features" / "more.npy", VALUES)
    after, _ = clean_precomputed(opened(root))
    assert before["content"].tolist() == after["content"].tolist()
    assert before["content"].is_unique


@pytest.mark.parametrize("column", ["Unnamed: 0", "label", "Genre", "track_id"])
def test_a_column_that_may_tell_the_genre_is_refused(root, column):
    table = pd.DataFrame({"clip_id": IDS, column: range(5), "x": 0.5})
    table.to_csv(root / "features" / "mine.csv", index=False)
    with pytest.raises(SourceError, match="is no feature"):
        read_all(root)


def test_without_the_publisher_s_split_only_the_first_twin_stays(root):
    found = twins_at(root, [1, 1, 2, 1, 2], split=None)
    assert found == {"b": "identical to a", "NA": "identical to a", "7": "identical to c"}


# pictures


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
    with pytest.raises(SourceError, match=r"does not name 1 pictures \(as .*more\.png\)"):
        opened(root)
    paths[2].unlink()
    with pytest.raises(SourceError, match=r"1 of 5 clips have no picture \(as .*c\.png\)"):
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
    with pytest.raises(SourceError, match=r"2\.png (has \(41, 24\) pixels|is not a picture)"):
        read_all(tmp_path)


# FMA's features.csv

FMA_TRACKS = """,artist,set,set,track
,id,split,subset,genre_top
track_id,,,,
2,1,training,small,Hip-Hop
10,6,validation,small,Pop
140,9,test,medium,Hip-Hop
"""


@pytest.fixture
def fma(tmp_path):
    folder = tmp_path / "fma_metadata"
    folder.mkdir()
    (folder / "tracks.csv").write_text(FMA_TRACKS)
    columns = [
        (feature, statistic, f"{n:02d}")
        for feature, count in {"chroma_cens": 12, "mfcc": 20, "other": 42}.items()
        for statistic in ("kurtosis", "max", "mean", "median", "min", "skew", "std")
        for n in range(1, count + 1)
    ]
    names = pd.MultiIndex.from_tuples(columns, names=["feature", "statistics", "number"])
    ids = pd.Index([2, 3, 10, 140], name="track_id")
    values = np.arange(4 * 518).reshape(4, 518) / 7
    pd.DataFrame(values, index=ids, columns=names).to_csv(folder / "features.csv")
    return tmp_path


def test_fma_s_features_alone_lack_their_labels(fma):
    with pytest.raises(SourceError, match="needs tracks.csv beside it: set data.path to their"):
        opened(fma / "fma_metadata" / "features.csv")


@pytest.mark.parametrize("place", [".", "fma_metadata"])
def test_fma_s_features_are_those_of_the_subset(fma, place):
    contents = opened(fma / place)
    assert contents.tracks["clip_id"].tolist() == ["2", "10"]
    assert contents.tracks["artist"].tolist() == ["1", "6"]
    assert contents.tracks["split"].tolist() == ["train", "validation"]
    assert sorted(contents.files) == ["features.csv", "tracks.csv"]
    table = contents.features(["10", "2"])["fma"]
    assert table.shape == (2, 2 + 518)
    assert "mfcc_mean_20" in table
    np.testing.assert_allclose(table["chroma_cens_kurtosis_01"], [2 * 518 / 7, 0], rtol=1e-6)
    assert len(open_contents(fma / place, "medium").tracks) == 3


def test_fma_of_another_version_is_a_sentence(fma):
    path = fma / "fma_metadata" / "features.csv"
    whole = path.read_text()
    path.write_text("\n".join(line.rpartition(",")[0] for line in whole.splitlines()))
    with pytest.raises(SourceError, match=r"features\.csv has 517 features instead of 518"):
        read_all(fma)
    lines = whole.splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("10,")))
    with pytest.raises(SourceError, match=r"features\.csv lacks 1 of 2 clips \(as 10\)"):
        read_all(fma)
    path.write_text(whole)
    tracks = path.with_name("tracks.csv")
    tracks.write_text(FMA_TRACKS.replace("genre_top", "genre"))
    with pytest.raises(SourceError, match=r"tracks\.csv lacks the column .*genre_top"):
        read_all(fma)


# GTZAN's features_30_sec.csv


def gtzan_table(numbers=(0, 30, 70)):
    rows = [(f"{genre}.{n:05d}.wav", genre) for genre in GENRES for n in numbers]
    table = pd.DataFrame(rows, columns=["filename", "label"])
    table.insert(1, "length", 661_794)
    values = np.random.default_rng(0).standard_normal((len(rows), 57))
    features = pd.DataFrame(values, columns=[f"f{i}" for i in range(57)])
    return pd.concat([table[["filename", "length"]], features, table["label"]], axis=1)


def write_gtzan(tmp_path, table):
    table.to_csv(tmp_path / "features_30_sec.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("place", [".", "features_30_sec.csv"])
def test_gtzan_s_features(tmp_path, place):
    table = gtzan_table()
    contents = opened(write_gtzan(tmp_path, table) / place)
    assert contents.tracks["clip_id"].tolist()[:2] == ["blues.00000", "blues.00030"]
    found = contents.features(["rock.00070", "blues.00000"])["gtzan"]
    assert found.shape == (2, 59)
    np.testing.assert_allclose(found["f56"], table["f56"].iloc[[-1, 0]], rtol=1e-6)
    assert contents.tracks["split"].iloc[0] == "validation"
    assert len(contents.digests()) == len(table)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="label"), "lacks the column label: is it GTZAN's"),
        (lambda t: t.drop(columns="filename"), "lacks the column filename"),
        (lambda t: t.drop(columns="f7"), "has 56 features instead of 57"),
        (lambda t: t[t["label"] != "jazz"], "has no track of GTZAN's genre jazz"),
        (lambda t: t.replace("jazz", "Jazz"), r"calls jazz\.00000\.wav 'Jazz'; GTZAN's genres are"),
        (lambda t: t.replace("jazz", None), r"calls jazz\.00000\.wav <NA>"),
        (lambda t: pd.concat([t, t.iloc[:1]]), r"has blues\.00000 twice"),
        (lambda t: t.replace("jazz.00000.wav", "rock.00001.wav"), r"has rock\.00001 as jazz"),
        (
            lambda t: t.assign(filename=t["filename"].str.replace(".wav", ".0.wav")),
            r"has cuts of one track \(blues\.00000\.0\.wav\), which would stand on two sides",
        ),
        (lambda t: t.assign(f3=t["f3"].mask(t.index == 3)), r"f3 of classical\.00000 is nan"),
    ],
)
def test_gtzan_s_table_of_another_kind_is_a_sentence(tmp_path, change, said):
    write_gtzan(tmp_path, change(gtzan_table()))
    with pytest.raises(SourceError, match=said):
        contents = opened(tmp_path)
        contents.digests()


def test_a_table_is_read_once(tmp_path, monkeypatch):
    write_gtzan(tmp_path, gtzan_table())
    contents, reads = opened(tmp_path), []
    table = contents.tables["gtzan"]
    monkeypatch.setitem(contents.tables, "gtzan", lambda ids: reads.append(1) or table(ids))
    clean_precomputed(contents)
    contents.features(["rock.00070"])
    assert len(reads) == 1


def test_one_value_is_told_without_more_of_them(tmp_path):
    write_gtzan(tmp_path, gtzan_table().assign(f3=lambda t: t["f3"].mask(t.index == 3)))
    with pytest.raises(SourceError, match=r"is nan, no finite number$"):
        opened(tmp_path).digests()
    write_gtzan(tmp_path, gtzan_table().assign(f3=lambda t: t["f3"].mask(t.index > 27)))
    with pytest.raises(SourceError, match=r"no finite number \(and 1 more\)$"):
        opened(tmp_path).digests()


def test_a_file_of_neither_kind_is_a_sentence(tmp_path):
    path = tmp_path / "some.npy"
    np.save(path, VALUES)
    with pytest.raises(SourceError, match=r"is neither FMA's features\.csv nor GTZAN's"):
        opened(path)


# real data


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
