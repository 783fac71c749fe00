"""The tables between the stages: same table, same bytes; wrong tables are refused."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.core.tables import genres_of, predictions_table, read_table, write_table

TABLE = pd.DataFrame(
    {
        "clip_id": ["a", "b", 'ü, "quoted"'],
        "genre": ["jazz", "Blues", "jazz"],
        "artist": pd.array(["x", pd.NA, "y"], dtype="string"),
        "rms_db": [-12.5, -20.25, 0.1],
    }
)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_same_table_gives_the_same_bytes(tmp_path, ending):
    for name in ("one", "two"):
        write_table(TABLE.copy(), tmp_path / f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two
    write_table(TABLE.assign(rms_db=[-12.5, -20.25, 0.2]), tmp_path / f"one.{ending}")
    assert (tmp_path / f"one.{ending}").read_bytes() != two


def test_a_row_s_label_is_not_written(tmp_path):
    for name, table in {"one": TABLE, "two": TABLE.set_index(pd.Index([7, 8, 9]))}.items():
        write_table(table, tmp_path / f"{name}.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_round_trip_keeps_the_values(tmp_path):
    write_table(TABLE, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.parquet"), TABLE)


def test_csv_has_the_same_line_endings_on_every_machine(tmp_path):
    write_table(TABLE, tmp_path / "table.csv")
    assert b"\r" not in (tmp_path / "table.csv").read_bytes()


def test_a_missing_column_is_named(tmp_path):
    write_table(TABLE, tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=r"table\.parquet lacks the columns path, split"):
        read_table(tmp_path / "table.parquet", ["clip_id", "path", "split"])


def test_a_clip_may_not_appear_twice(tmp_path):
    write_table(pd.DataFrame({"clip_id": ["a", "b", "b"]}), tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match=r"twice\.parquet holds b twice"):
        read_table(tmp_path / "twice.parquet")


def test_a_clip_may_appear_once_per_window(tmp_path):
    index = pd.DataFrame({"clip_id": ["a", "b", "b"], "window": [0, 0, 1]})
    write_table(index, tmp_path / "index.parquet")
    assert len(read_table(tmp_path / "index.parquet")) == 3
    write_table(index.assign(window=0), tmp_path / "index.parquet")
    with pytest.raises(ValueError, match="holds b twice"):
        read_table(tmp_path / "index.parquet")


def test_genres_are_in_one_order_whatever_the_order_of_clips():
    assert genres_of(TABLE) == genres_of(TABLE[::-1]) == ["Blues", "jazz"]


def test_predictions_have_a_probability_of_each_genre():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7]])
    table = predictions_table(["a", "b"], probabilities, ["Blues", "jazz"], ["test"] * 2, [-1, -1])
    assert list(table) == ["clip_id", "split", "fold", "Blues", "jazz"]
    np.testing.assert_array_equal(table[["Blues", "jazz"]], probabilities)
