"""The list of a precomputed collection's clips: clips.csv, checked, as a table of tracks."""

from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred.core.tables import NO_GENRES, TEST, TRACK_COLUMNS, TRAIN, VALIDATION
from genre_pred.datasets.sources.listing import SourceError

SIDES = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "test": TEST,
}


def read_clip_list(path: Path) -> pd.DataFrame:
    """Read and check clips.csv.

    Args:
        path: The file: clip_id, genre, optionally artist and split.

    Returns:
        The table of tracks.

    Raises:
        SourceError: With the file and what is wrong in it.
    """
    table = read_texts(path)
    for column in ("clip_id", "genre"):
        if column not in table:
            raise SourceError(f"{path} lacks the column {column}")
        empty = np.flatnonzero(table[column].isna())
        if len(empty):
            raise SourceError(f"{path} has no {column} in line {empty[0] + 2}")
    if table.empty:
        raise SourceError(f"{path} names no clip")
    twice = table.loc[table["clip_id"].duplicated(), "clip_id"]
    if not twice.empty:
        raise SourceError(f"{path} has {twice.iloc[0]} twice")
    if "split" in table:
        strange = table.loc[~table["split"].isin(SIDES), ["clip_id", "split"]]
        if not strange.empty:
            clip_id, word = strange.iloc[0]
            given = "no split" if pd.isna(word) else f"the split {word!r}"
            raise SourceError(f"{path} gives {clip_id} {given}; known are {', '.join(SIDES)}")
        table["split"] = table["split"].map(SIDES)
    check_genres(table, path)
    return with_paths(table)


def with_paths(tracks: pd.DataFrame) -> pd.DataFrame:
    """Add the missing columns of tracks: an empty path, because there is no audio, else NA."""
    unknown = pd.Series(pd.NA, index=tracks.index, dtype="string")
    completed = tracks.assign(path="")
    for column in ("artist", "split"):
        completed[column] = tracks[column].astype("string") if column in tracks else unknown
    return completed[list(TRACK_COLUMNS)]


def check_genres(tracks: pd.DataFrame, path: Path) -> None:
    """Raise a SourceError if a genre has the name of a column of the stages' tables."""
    reserved = tracks.loc[tracks["genre"].isin(NO_GENRES), "genre"]
    if not reserved.empty:
        raise SourceError(
            f"{path}: a genre cannot be called {reserved.iloc[0]}, which names a column: rename it"
        )


def read_texts(path: Path) -> pd.DataFrame:
    """Read a csv file with all columns as text; raise a SourceError if it is not one."""
    try:
        # A clip or an artist may be called NA or None; only an empty cell is missing.
        return pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
    except ValueError as error:
        raise SourceError(f"{path} is not a table in UTF-8 with commas: {error}") from error
