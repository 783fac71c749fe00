"""What others computed of a collection without sound, on its way to where the stages look for it.

`clean` lays it out under data/computed; `mel` and `descriptors` take it from there as if they had
made it. So they need to know nothing of sources. The bytes are the same, and DVC keeps them once.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from genre_pred.audio.patches import PatchWriter, open_patches
from genre_pred.clips import INDEX, read_table, write_table
from genre_pred.progress import bar

MEL, DESCRIPTORS = "mel", "descriptors"


class Rows(Protocol):
    """Spectrograms that are read one after the other, all of one shape."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> np.ndarray: ...


def lay_out(
    clips: pd.DataFrame,
    features: Mapping[str, pd.DataFrame],
    spectrograms: Mapping[str, Rows],
    folder: Path,
) -> dict[str, int]:
    """Store features as tables of descriptors and spectrograms as patches.

    Args:
        clips: clip_id, in the order of what is stored.
        features: By name: clip_id, window, columns; a row per clip.
        spectrograms: By name: a row (channels, frames, n_mels) per clip.
        folder: Where mel/ and descriptors/ are made.

    Returns:
        The number of columns or patches stored of each.
    """
    index = pd.DataFrame({"clip_id": clips["clip_id"].to_list(), "window": 0})
    for name, table in features.items():
        write_table(table, folder / DESCRIPTORS / f"{name}.parquet")
    for name, rows in spectrograms.items():
        places = (rows[place] for place in range(len(rows)))
        _write(folder / MEL / name, places, rows.shape, "float32", index)
    return {
        **{name: table.shape[1] - len(INDEX) for name, table in features.items()},
        **{name: len(rows) * rows.shape[0] for name, rows in spectrograms.items()},
    }


def take_patches(computed: Path, folder: Path, dtype: str) -> dict[str, int]:
    """Store the spectrograms laid out before as patches of a dtype, under their names.

    Args:
        computed: Where they were laid out.
        folder: Where NAME.npy and NAME.parquet are written.
        dtype: float16 or float32.

    Returns:
        The number of patches of each.
    """
    stored = {}
    for path in sorted((computed / MEL).glob("*.npy")):
        store = open_patches(path.with_suffix(""))
        _write(folder / path.stem, store.patches, store.patches.shape[1:], dtype, store.index)
        stored[path.stem] = store.patches.shape[0] * store.patches.shape[1]
    return stored


def take_descriptors(computed: Path) -> dict[str, pd.DataFrame]:
    """Read the features laid out before, by their names."""
    paths = sorted((computed / DESCRIPTORS).glob("*.parquet"))
    return {path.stem: read_table(path, INDEX) for path in paths}


def _write(
    path: Path,
    rows: Iterable[np.ndarray],
    shape: tuple[int, int, int],
    dtype: str,
    index: pd.DataFrame,
) -> None:
    with PatchWriter(path, len(index), shape, dtype) as writer:
        shown = bar(rows, doing=f"storing {path.name}", unit="clip", total=len(index), delay=2)
        for row, patches in enumerate(shown):
            writer.write(row, patches)
        writer.close(index)
