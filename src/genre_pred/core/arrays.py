"""Arrays on disk that are larger than memory: written in pieces, read in batches.

Neither is done through a long-lived memory map: its pages count as the process's own, so that a
run over many clips would look, to whoever limits memory, as large as its files.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class RowsFile:
    """A .npy file that is filled in pieces, which tell its shape; used as a context manager."""

    def __init__(self, path: Path, n_rows: int, dtype: str | np.dtype) -> None:
        """Open the file.

        Args:
            path: Its name, ending in .npy; what is there is overwritten.
            n_rows: Length of the array.
            dtype: Of its numbers.
        """
        self.dtype = np.dtype(dtype)
        self._n_rows, self._row_bytes, self._start = n_rows, 0, 0
        self._file = path.open("wb")

    def __enter__(self) -> "RowsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the writing; once is enough, twice does no harm."""
        self._file.close()

    def write(self, first: int, rows: np.ndarray) -> None:
        """Write rows where they belong.

        Args:
            first: Number of the first of them.
            rows: (n, ...), of one shape in all calls.
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
    """Copy rows of an array; of one that np.load has mapped, without leaving its pages in memory.

    Args:
        array: (n_rows, ...); where it is mapped, what np.load gave, and no slice of that.
        rows: Their numbers.

    Returns:
        (n, ...) of the same dtype.

    Raises:
        ValueError: If it is a part of a map: its file does not tell which.
    """
    if isinstance(array, np.memmap):
        if not isinstance(array.base, mmap.mmap):
            raise ValueError(
                f"this is a part of {array.filename}: give the whole map, and its rows"
            )
        array = np.load(str(array.filename), mmap_mode="r")  # unmapped when this returns
    return np.array(array[rows])
