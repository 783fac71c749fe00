"""Arrays on disk that are larger than memory: written in pieces, read in batches.

Neither uses a long-lived memory map. Its pages count towards the memory of the process, so a memory
limit would see a run over many clips as large as its files.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class RowsFile:
    """A .npy file written in pieces, the first of which gives the row shape; a context manager."""

    def __init__(self, path: Path, n_rows: int, dtype: str | np.dtype) -> None:
        """Open the file.

        Args:
            path: File name, ending in .npy; an existing file is overwritten.
            n_rows: Number of rows of the array.
            dtype: The array's dtype.
        """
        self.dtype = np.dtype(dtype)
        self._n_rows, self._row_bytes, self._start = n_rows, 0, 0
        self._file = path.open("wb")

    def __enter__(self) -> "RowsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def write(self, first: int, rows: np.ndarray) -> None:
        """Write rows at their place in the file.

        Args:
            first: Index of the first row.
            rows: (n, ...); the row shape is the same in all calls.
        """
        if not self._start:
            header = {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (self._n_rows, *rows.shape[1:]),
            }
            np.lib.format.write_array_header_1_0(self._file, header)
            self._start = self._file.tell()
            self._row_bytes = rows[0].size * self.dtype.itemsize
        self._file.seek(self._start + first * self._row_bytes)
        self._file.write(np.ascontiguousarray(rows, self.dtype).data)


def rows_of(array: np.ndarray, rows: Sequence[int] | np.ndarray | slice) -> np.ndarray:
    """Copy rows of an array; the pages of a memory map do not stay in memory.

    Args:
        array: (n_rows, ...); a memory map must be the whole array from np.load, not a slice of it.
        rows: Row indices.

    Returns:
        (n, ...) of the same dtype.

    Raises:
        ValueError: If the array is a slice of a memory map: the file does not record which slice.
    """
    if isinstance(array, np.memmap):
        if not isinstance(array.base, mmap.mmap):
            raise ValueError(
                f"the array is a slice of the memory map {array.filename}: pass the whole map and "
                "the indices of its rows"
            )
        array = np.load(str(array.filename), mmap_mode="r")  # unmapped when this returns
    return np.array(array[rows])
