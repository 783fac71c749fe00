"""Arrays written in pieces are those that numpy writes at once."""

import numpy as np
import pytest

from genre_pred.core.arrays import RowsFile, rows_of


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 5, 4)])
def test_a_file_filled_in_pieces_has_the_bytes_that_numpy_writes(tmp_path, shape, dtype):
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    np.save(tmp_path / "whole.npy", array)
    with RowsFile(tmp_path / "pieces.npy", 7, dtype) as file:
        for first, last in ((4, 7), (0, 1), (1, 4)):
            file.write(first, array[first:last])
    assert (tmp_path / "pieces.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_rows_are_copied_whether_the_array_is_mapped_or_not(tmp_path):
    array = np.arange(12.0).reshape(6, 2)
    np.save(tmp_path / "array.npy", array)
    for kept in (array, np.load(tmp_path / "array.npy", mmap_mode="r")):
        for rows in ([4, 1], slice(2, 5)):
            taken = rows_of(kept, rows)
            np.testing.assert_array_equal(taken, array[rows])
            assert not np.shares_memory(taken, kept)
            assert type(taken) is np.ndarray


def test_a_slice_of_a_memory_map_is_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.arange(12.0).reshape(6, 2))
    whole = np.load(tmp_path / "array.npy", mmap_mode="r")
    for part in (whole[2:], whole[::-1], whole.reshape(3, 4)):
        with pytest.raises(ValueError, match="slice of .*array.npy"):
            rows_of(part, [0])
