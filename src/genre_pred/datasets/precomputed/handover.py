"""Stores a precomputed collection where the stages mel and descriptors read it.

The stage clean writes it to data/precomputed. The stages mel and descriptors copy it from there
instead of computing, so they do not depend on sources. DVC stores equal files only once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from genre_pred.core.patch_store import store_rows
from genre_pred.core.tables import INDEX_COLUMNS, write_table

MEL, DESCRIPTORS = "mel", "descriptors"


class Rows(Protocol):
    """Spectrograms that are read one by one, all of the same shape."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> np.ndarray: ...


def store_contents(
    clips: pd.DataFrame,
    features: Mapping[str, pd.DataFrame],
    spectrograms: Mapping[str, Rows],
    folder: Path,
) -> dict[str, int]:
    """Store features as tables of descriptors and spectrograms as patches.

    Args:
        clips: clip_id, in the order of the rows to store.
        features: By name, tables with a row per clip: clip_id, window, columns.
        spectrograms: By name, one (channels, frames, n_mels) per clip.
        folder: The folder where mel/ and descriptors/ are created.

    Returns:
        The number of columns or patches stored, by name.
    """
    index = pd.DataFrame({"clip_id": clips["clip_id"].to_list(), "window": 0})
    for name, table in features.items():
        write_table(table, folder / DESCRIPTORS / f"{name}.parquet")
    for name, rows in spectrograms.items():
        places = (rows[place] for place in range(len(rows)))
        store_rows(folder / MEL / name, places, rows.shape, "float32", index)
    return {
        **{name: table.shape[1] - len(INDEX_COLUMNS) for name, table in features.items()},
        **{name: len(rows) * rows.shape[0] for name, rows in spectrograms.items()},
    }
