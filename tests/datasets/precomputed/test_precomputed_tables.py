"""The tables of FMA and GTZAN, and clear errors for other tables."""

import numpy as np
import pandas as pd
import pytest
from precomputed_folder import VALUES, opened, read_all

from genre_pred.datasets.precomputed.cleaning import clean_precomputed
from genre_pred.datasets.precomputed.contents import open_contents
from genre_pred.datasets.sources.gtzan import GENRES
from genre_pred.datasets.sources.listing import SourceError

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


def test_fma_of_another_version_is_a_clear_error(fma):
    path = fma / "fma_metadata" / "features.csv"
    whole = path.read_text()
    path.write_text("\n".join(line.rpartition(",")[0] for line in whole.splitlines()))
    with pytest.raises(SourceError, match=r"features\.csv has 517 features instead of 518"):
        read_all(fma)
    lines = whole.splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("10,")))
    with pytest.raises(SourceError, match=r"features\.csv lacks 1 of 2 clips \(such as 10\)"):
        read_all(fma)
    path.write_text(whole)
    tracks = path.with_name("tracks.csv")
    tracks.write_text(FMA_TRACKS.replace("genre_top", "genre"))
    with pytest.raises(SourceError, match=r"tracks\.csv lacks the column .*genre_top"):
        read_all(fma)


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
        (
            lambda t: t.replace("jazz", "Jazz"),
            r"labels jazz\.00000\.wav as 'Jazz'; GTZAN's genres are",
        ),
        (lambda t: t.replace("jazz", None), r"labels jazz\.00000\.wav as <NA>"),
        (lambda t: pd.concat([t, t.iloc[:1]]), r"has blues\.00000 twice"),
        (lambda t: t.replace("jazz.00000.wav", "rock.00001.wav"), r"has rock\.00001 as jazz"),
        (
            lambda t: t.assign(filename=t["filename"].str.replace(".wav", ".0.wav")),
            r"has several cuts per track \(blues\.00000\.0\.wav\), which could be on two sides",
        ),
        (lambda t: t.assign(f3=t["f3"].mask(t.index == 3)), r"f3 of classical\.00000 is nan"),
    ],
)
def test_a_wrong_gtzan_table_is_a_clear_error(tmp_path, change, said):
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


def test_a_single_wrong_value_is_reported_without_a_count(tmp_path):
    write_gtzan(tmp_path, gtzan_table().assign(f3=lambda t: t["f3"].mask(t.index == 3)))
    with pytest.raises(SourceError, match=r"is nan, not a finite number$"):
        opened(tmp_path).digests()
    write_gtzan(tmp_path, gtzan_table().assign(f3=lambda t: t["f3"].mask(t.index > 27)))
    with pytest.raises(SourceError, match=r"not a finite number \(and 1 more\)$"):
        opened(tmp_path).digests()


def test_a_file_of_neither_kind_is_a_sentence(tmp_path):
    path = tmp_path / "some.npy"
    np.save(path, VALUES)
    with pytest.raises(SourceError, match=r"is neither FMA's features\.csv nor GTZAN's"):
        opened(path)
