"""The patch store: one array of all clips' patches, memory-mapped, and an index of its rows.

One .npy reads random batches 6 to 200 times faster than a file per clip, zarr or parquet
(measured).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd

from genre_pred.core.arrays import RowsFile
from genre_pred.core.errors import UserError
from genre_pred.core.progress import bar

_INDEX_COLUMNS = ["clip_id", "window"]


def _array_and_index(path: Path) -> tuple[Path, Path]:
    # not with_suffix, which would treat the end of a name like mn04.v2 as a suffix
    return path.with_name(f"{path.name}.npy"), path.with_name(f"{path.name}.parquet")


class NotFinite(UserError, ValueError):
    """A value is NaN, infinite, or too large for the store's dtype."""


class PatchWriter:
    """Writes a store row by row; it is renamed to its final name when it is complete.

    Used as a context manager. Leaving it before close() removes what was written.
    """

    def __init__(
        self, path: Path, n_rows: int, shape: tuple[int, int, int], dtype: str | np.dtype
    ) -> None:
        """Open the store's files under temporary names.

        Args:
            path: The store's path without suffix; its folder is created.
            n_rows: Number of rows, at least 1.
            shape: Shape of a row: n_patches, frames, n_mels.
            dtype: float16 or float32.

        Raises:
            ValueError: If n_rows is below 1 or the dtype is not allowed.
        """
        if n_rows < 1:
            raise ValueError(f"a store needs at least one row, not {n_rows}")
        if np.dtype(dtype) not in (np.float16, np.float32):
            raise ValueError(f"a store holds float16 or float32, not {np.dtype(dtype)}")
        self._array_path, self._index_path = _array_and_index(path)
        self._part_paths = [
            p.with_name(f".{p.name}.part") for p in (self._array_path, self._index_path)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._shape = shape
        self._array = RowsFile(self._part_paths[0], n_rows, dtype)
        self._written = np.zeros(n_rows, dtype=bool)

    def __enter__(self) -> Self:
        return self

    def write(self, row: int, patches: np.ndarray) -> None:
        """Write one row, rounded to the store's dtype.

        Args:
            row: Index of the row, from 0.
            patches: (n_patches, frames, n_mels), finite in the store's dtype.

        Raises:
            ValueError: If the shape is not the store's.
            NotFinite: If a value is not finite in the store's dtype.
        """
        if patches.shape != self._shape:
            raise ValueError(f"row {row} has shape {patches.shape}, the store {self._shape}")
        with np.errstate(over="ignore"):  # reported below, with the row
            rounded = patches.astype(self._array.dtype, copy=False)
        if not np.isfinite(rounded).all():
            raise NotFinite(
                f"row {row} holds values that are not finite in {rounded.dtype} "
                f"({self._array_path}): if they are large, set mel.dtype to float32"
            )
        self._array.write(row, rounded[None])
        self._written[row] = True

    def close(self, index: pd.DataFrame) -> None:
        """Finish the store and rename it to its final name.

        Args:
            index: One row per row of the store, with columns clip_id (str) and window (int).

        Raises:
            ValueError: If rows are missing, or the index has other columns or another length.
        """
        if not self._written.all():
            missing = np.flatnonzero(~self._written)
            raise ValueError(f"{len(missing)} rows were never written, the first is {missing[0]}")
        if list(index.columns) != _INDEX_COLUMNS or len(index) != len(self._written):
            raise ValueError(
                f"the index must have columns {_INDEX_COLUMNS} and {len(self._written)} rows, "
                f"not {list(index.columns)} and {len(index)}"
            )
        self._array.close()
        index.to_parquet(self._part_paths[1], index=False)
        # The index is renamed last: where it exists, the array exists too.
        for part, path in zip(self._part_paths, (self._array_path, self._index_path), strict=True):
            part.replace(path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._array.close()
        for part in self._part_paths:
            part.unlink(missing_ok=True)


@dataclass(frozen=True)
class PatchStore:
    """An opened store: patches (n_rows, n_patches, frames, n_mels), read-only, and its index."""

    patches: np.ndarray
    index: pd.DataFrame

    @cached_property
    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        ordered = self.index.reset_index(drop=True).sort_values("window", kind="stable")
        for row, clip_id in zip(ordered.index, ordered["clip_id"], strict=True):
            rows.setdefault(clip_id, []).append(int(row))
        return rows

    def rows_of(self, clip_ids: Sequence[str]) -> np.ndarray:
        """The row indices of clips.

        Args:
            clip_ids: The clips.

        Returns:
            (n,) int64 row indices: all windows of the first clip in order, then the second's.

        Raises:
            KeyError: If the store does not hold a clip.
        """
        return np.array([row for clip_id in clip_ids for row in self._rows[clip_id]], np.int64)


def open_patches(path: Path) -> PatchStore:
    """Open a store without reading its patches.

    Args:
        path: The store's path without suffix.

    Returns:
        The store; its patches are memory-mapped and read-only.

    Raises:
        UserError: If there is no such store.
        ValueError: If array and index have different lengths.
    """
    array_path, index_path = _array_and_index(path)
    if not array_path.is_file():
        raise UserError(f"there are no patches in {array_path}: add {path.name} to mel.front_ends")
    index = pd.read_parquet(index_path)
    patches = np.load(array_path, mmap_mode="r")
    if len(patches) != len(index):
        raise ValueError(f"{array_path} has {len(patches)} rows, {index_path} {len(index)}")
    return PatchStore(patches, index)


def stored_patches(folder: Path, names: Iterable[str]) -> list[str]:
    """The names that have a store in a folder."""
    return [name for name in names if _array_and_index(folder / name)[1].is_file()]


def store_rows(
    path: Path,
    rows: Iterable[np.ndarray],
    shape: tuple[int, int, int],
    dtype: str,
    index: pd.DataFrame,
) -> None:
    """Write a store from an iterable of rows.

    Args:
        path: The store's path without suffix.
        rows: Arrays (n_patches, frames, n_mels), as many as the index has rows.
        shape: Shape of a row: n_patches, frames, n_mels.
        dtype: float16 or float32.
        index: clip_id and window of each row.
    """
    with PatchWriter(path, len(index), shape, dtype) as writer:
        progress = bar(rows, doing=f"storing {path.name}", unit="clip", total=len(index), delay=2)
        for row, patches in enumerate(progress):
            writer.write(row, patches)
        writer.close(index)
