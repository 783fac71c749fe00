"""What others computed: a sentence for everything that does not fit."""

import numpy as np
import pandas as pd
import pytest
from precomputed_folder import IDS, SPECTROGRAMS, VALUES, opened, read_all

from genre_pred.datasets.sources.listing import SourceError

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
        (CLIPS_CSV + "a,jazz,train\n", r"vggish\.npy has 5 rows, but clips\.csv has 1"),
        ("", "is not a table in UTF-8"),
    ],
)
def test_a_wrong_clips_csv_is_a_clear_error(root, text, said):
    (root / "spectrograms.npy").unlink()
    (root / "clips.csv").write_text(text)
    with pytest.raises(SourceError, match=said):
        read_all(root)


def by_clip(ids, values=1.0):
    return pd.DataFrame({"clip_id": ids, "f": values})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (by_clip(["a", "b", "c", "NA"]), r"lacks 1 of 5 clips \(such as 7\)"),
        (by_clip([*IDS, "d"]), r"has 1 clips that clips\.csv does not list \(such as d\)"),
        (by_clip([*IDS, "a"]), "has a twice"),
        (by_clip([*IDS[:4], None]), "has a row without clip_id"),
        (
            by_clip(IDS, [1, 2, np.nan, 4, np.inf]),
            r"f of c is nan, not a finite number \(and 1 more",
        ),
        (by_clip(IDS, [1, 2, 1e300, 4, 5]), "f of c is inf"),
        (by_clip(IDS, list("abcde")), "the column f does not hold numbers"),
        (by_clip(IDS)[["clip_id"]], "holds no features"),
        (by_clip(IDS)[["f"]].iloc[:4], r"has 4 rows, but clips\.csv has 5"),
    ],
)
def test_a_table_of_features_that_does_not_fit_is_a_clear_error(root, table, said):
    path = root / "features" / "mine.parquet"
    table.to_parquet(path, index=False)
    with pytest.raises(SourceError, match=said) as caught:
        read_all(root)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (VALUES[:4], r"has 4 rows, but clips\.csv has 5"),
        (VALUES[:, 0], r"has the shape \(5,\)"),
        (np.array([[None]] * 5), "is not an array of numbers"),
        (np.array([["x"]] * 5), "is not an array of numbers"),
        (np.where(np.eye(5, 12), np.nan, 0), r"vggish_00 of a is nan, .* \(and 4 more\)"),
    ],
)
def test_an_array_of_features_that_does_not_fit_is_a_clear_error(root, values, said):
    np.save(root / "features" / "vggish.npy", values, allow_pickle=True)
    with pytest.raises(SourceError, match=said):
        read_all(root)


@pytest.mark.parametrize("name", ["mine.npy", "mine.csv", "mine.parquet"])
def test_a_file_of_another_format_is_a_clear_error(root, name):
    (root / "features" / name).write_bytes(b"")
    with pytest.raises(SourceError, match=r"mine\.\w+ is not "):
        read_all(root)


def test_features_with_the_same_name_or_an_unknown_format(root):
    (root / "features" / "vggish.csv").write_text("f\n1\n")
    with pytest.raises(SourceError, match="has vggish twice"):
        opened(root)
    (root / "features" / "vggish.csv").rename(root / "features" / "vggish.pkl")
    with pytest.raises(SourceError, match=r"vggish\.pkl is none of features/NAME\.npy"):
        opened(root)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (SPECTROGRAMS[:4], r"spectrograms\.npy has 4 rows, but clips\.csv has 5"),
        (SPECTROGRAMS[0], r"has the shape \(6, 9\): it must be clips x bands x frames"),
        (np.where(np.arange(5) == 3, np.nan, 0)[:, None, None] + SPECTROGRAMS, "of NA is not fini"),
    ],
)
def test_spectrograms_that_do_not_fit_are_a_clear_error(root, values, said):
    np.save(root / "spectrograms.npy", values)
    with pytest.raises(SourceError, match=said):
        read_all(root)


@pytest.mark.parametrize("text", ["{", "[]", '{"lowest": "first"}', '{"lowest_band": 0}'])
def test_spectrograms_json_is_strict(root, text):
    (root / "spectrograms.json").write_text(text)
    with pytest.raises(SourceError, match=r"spectrograms\.json (is not valid JSON|must be)"):
        opened(root)


def test_a_folder_with_nothing_precomputed_is_reported_with_the_layouts(root, tmp_path):
    (root / "spectrograms.npy").unlink()
    (root / "features" / "vggish.npy").unlink()
    (root / "features").rmdir()
    with pytest.raises(SourceError, match=r"no features or spectrograms: expected clips\.csv with"):
        opened(root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds nothing precomputed: expected"):
        opened(tmp_path / "empty")
    with pytest.raises(SourceError, match="does not exist: set data.path"):
        opened(tmp_path / "nowhere")


@pytest.mark.parametrize("column", ["Unnamed: 0", "label", "Genre", "track_id"])
def test_a_column_that_may_tell_the_genre_is_refused(root, column):
    table = pd.DataFrame({"clip_id": IDS, column: range(5), "x": 0.5})
    table.to_csv(root / "features" / "mine.csv", index=False)
    with pytest.raises(SourceError, match="is not a feature"):
        read_all(root)
