"""The patch store: what is written is read, and nothing half-written is ever seen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genre_pred.core.errors import UserError
from genre_pred.core.patch_store import PatchWriter, open_patches

SHAPE = (2, 3, 4)
INDEX = pd.DataFrame({"clip_id": ["b", "a", "b"], "window": [1, 0, 0]})
ROWS = np.random.default_rng(254).standard_normal((3, *SHAPE)).astype(np.float32)


def write(path: Path, dtype: str = "float32") -> None:
    with PatchWriter(path, 3, SHAPE, dtype) as writer:
        for row in (2, 0, 1):  # in any order
            writer.write(row, ROWS[row])
        writer.close(INDEX)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_round_trip_keeps_the_values(dtype: str, tmp_path: Path) -> None:
    write(tmp_path / "new" / "vggish.v2", dtype)
    store = open_patches(tmp_path / "new" / "vggish.v2")
    assert store.patches.dtype == dtype
    np.testing.assert_array_equal(store.patches, ROWS.astype(dtype))
    assert store.index.to_dict("list") == INDEX.to_dict("list")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "vggish.v2.npy",
        "vggish.v2.parquet",
    ]


def test_the_store_is_mapped_and_read_only(tmp_path: Path) -> None:
    write(tmp_path / "x")
    patches = open_patches(tmp_path / "x").patches
    assert isinstance(patches, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        patches[0] = 0


def test_rows_of_clips_come_in_the_order_asked_windows_in_theirs(tmp_path: Path) -> None:
    write(tmp_path / "x")
    store = open_patches(tmp_path / "x")
    assert store.rows_of(["b", "a"]).tolist() == [2, 0, 1]
    assert store.rows_of(["a"]).tolist() == [1]
    assert store.rows_of([]).tolist() == []
    assert store.rows_of(INDEX["clip_id"].tolist()).dtype == np.int64
    with pytest.raises(KeyError, match="absent"):
        store.rows_of(["a", "absent"])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write(tmp_path / name)
    for suffix in (".npy", ".parquet"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("x", "y"))
        assert first.read_bytes() == second.read_bytes()


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="power"), PatchWriter(tmp_path / "x", 3, SHAPE, "f4"):
        assert not (tmp_path / "x.npy").exists()
        raise RuntimeError("power")
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_old_store_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "x")
    with pytest.raises(ValueError), PatchWriter(tmp_path / "x", 3, SHAPE, "float32") as writer:
        writer.write(0, ROWS[0] * 2)
        writer.close(INDEX)
    np.testing.assert_array_equal(open_patches(tmp_path / "x").patches, ROWS)


def test_missing_rows_and_a_wrong_index_are_refused(tmp_path: Path) -> None:
    with PatchWriter(tmp_path / "x", 3, SHAPE, "float32") as writer:
        writer.write(0, ROWS[0])
        with pytest.raises(ValueError, match="2 rows were never written, the first is 1"):
            writer.close(INDEX)
        writer.write(1, ROWS[1])
        writer.write(2, ROWS[2])
        with pytest.raises(ValueError, match="must have columns"):
            writer.close(INDEX.rename(columns={"window": "part"}))
        with pytest.raises(ValueError, match="3 rows, not .* and 2"):
            writer.close(INDEX.iloc[:2])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e6])  # float16 ends at 65,504
def test_values_the_store_cannot_hold_are_refused(bad: float, tmp_path: Path) -> None:
    with PatchWriter(tmp_path / "x", 3, SHAPE, "float16") as writer:
        patches = ROWS[0].copy()
        patches[1, 2, 3] = bad
        with pytest.raises(ValueError, match="row 0 holds values that are not finite in float16"):
            writer.write(0, patches)
        with pytest.raises(ValueError, match="row 1 has shape"):
            writer.write(1, ROWS[0, :1])


@pytest.mark.parametrize(("n_rows", "dtype"), [(0, "float32"), (3, "float64"), (3, "int8")])
def test_impossible_stores_are_refused(n_rows: int, dtype: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a store"):
        PatchWriter(tmp_path / "x", n_rows, SHAPE, dtype)


def test_a_store_that_does_not_fit_together_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no patches in .*x\.npy: add x to mel\.front_ends"):
        open_patches(tmp_path / "x")
    write(tmp_path / "x")
    INDEX.iloc[:2].to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="3 rows, .* 2"):
        open_patches(tmp_path / "x")
