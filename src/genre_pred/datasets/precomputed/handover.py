"""What others computed of a collection without sound, on its way to where the stages look for it.

`clean` lays it out under data/computed; `mel` and `descriptors` take it from there as if they had
made it. So they need to know nothing of sources. The bytes are the same, and DVC keeps them once.
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
    """Spectrograms that are read one after the other, all of one shape."""

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
        store_rows(folder / MEL / name, places, rows.shape, "float32", index)
    return {
        **{name: table.shape[1] - len(INDEX_COLUMNS) for name, table in features.items()},
        **{name: len(rows) * rows.shape[0] for name, rows in spectrograms.items()},
    }
