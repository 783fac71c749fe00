"""The tables that stages pass to each other: their columns, reading and writing.

| table | columns |
|---|---|
| tracks | clip_id, path, genre, artist, split: the collection as described by its source |
| clips | tracks that decode: + sample_rate, n_samples, rms_db, content |
| split | clip_id, split, fold |
| index | clip_id, window: what each row of an array belongs to |
| predictions | clip_id, split, fold, then one probability per genre |

`clip_id` is the only join key. `artist` is NA where unknown; `split` is NA where the publisher
gives none. The table split holds only the clips that take part. `fold` is -1 without folds; with
folds, `split` is always validation, because each clip is predicted by a model that has not seen it.
Where a publisher's lists keep artists apart without naming them, tracks and clips have one more
column, `apart_by`: the name of these lists. `content` is a digest of the decoded audio. In a
precomputed collection it stands for the published numbers, and n_samples is 0.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred.core.files import atomic_write

TRACK_COLUMNS = ("clip_id", "path", "genre", "artist", "split")
CLIP_COLUMNS = (*TRACK_COLUMNS, "sample_rate", "n_samples", "rms_db", "content")
APART_BY = "apart_by"
SPLIT_COLUMNS = ("clip_id", "split", "fold")
INDEX_COLUMNS = ("clip_id", "window")
PREDICTION_COLUMNS = ("clip_id", "split", "fold")
# Further columns of tables with one column per genre: a genre must not have such a name.
_BESIDE_GENRES = ("predicted", "probability", "learnt_from", "reason", "genre_set", "unknown")
NO_GENRES = frozenset((*PREDICTION_COLUMNS, *CLIP_COLUMNS, APART_BY, *_BESIDE_GENRES))

TRAIN, VALIDATION, TEST = "train", "validation", "test"
LEFT_OUT = "left out"  # clips that the publisher's split does not use


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV if the name ends in .csv, else as Parquet; same table, same bytes."""
    with atomic_write(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False, lineterminator="\n")
        else:
            table.to_parquet(temporary, index=False)


def write_contents(folder: Path, names: Iterable[str]) -> None:
    """List what a stage wrote to a folder, in contents.csv, so that the folder is never empty."""
    write_table(pd.DataFrame({"name": list(names)}), folder / "contents.csv")


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table that a stage wrote.

    Args:
        path: A Parquet file.
        columns: Columns that it must have.

    Raises:
        ValueError: If a column is missing or the same window of a clip appears twice.
    """
    table = pd.read_parquet(path)
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}")
    key = [name for name in INDEX_COLUMNS if name in table]
    twice = table.loc[table.duplicated(key), "clip_id"]
    if not twice.empty:
        raise ValueError(f"{path} holds {twice.iloc[0]} twice")
    return table


def have_sound(clips: pd.DataFrame) -> bool:
    """Whether the clips have audio; a precomputed collection has only numbers."""
    return bool((clips["n_samples"] > 0).all())


def as_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the columns of clips, with apart_by where the source gives it, and renumber the rows."""
    return table[[name for name in (*CLIP_COLUMNS, APART_BY) if name in table]].reset_index(
        drop=True
    )


def duplicate_reasons(tracks: pd.DataFrame, content: pd.Series, *, once: bool) -> list[str | None]:
    """Why duplicate clips are rejected; None for a clip that is kept.

    Of duplicates on different sides of the publisher's split, those on the side used for scoring
    are kept: test before validation before train before left out.

    Args:
        tracks: clip_id, split (the publisher's, or NA).
        content: (n_tracks,) digests of the clips' content; NA for clips already rejected.
        once: Whether only the first of several duplicates on one side is kept. Without a
            publisher's split only the first is kept in any case.

    Returns:
        (n_tracks,) a reason, or None.
    """
    rank = {LEFT_OUT: 0, TRAIN: 1, VALIDATION: 2, TEST: 3}
    reasons: list[str | None] = [None] * len(tracks)
    ids, sides = (tracks[name].to_numpy(dtype=object) for name in ("clip_id", "split"))
    ranks = [-1 if pd.isna(side) else rank[side] for side in sides]
    groups = pd.Series(range(len(tracks)), index=tracks.index).groupby(content.to_numpy())
    for _, group in groups:
        rows = group.tolist()
        best = max(rows, key=lambda row: ranks[row])  # the first of equal ranks
        for row in rows:
            if ranks[row] < ranks[best]:
                reasons[row] = f"identical to {ids[best]}, which is in {sides[best]}"
            elif row != best and (once or ranks[row] < 0):
                reasons[row] = f"identical to {ids[best]}"
    return reasons


def genres_of(clips: pd.DataFrame) -> list[str]:
    """The genres of a collection, in alphabetical order, as in every table."""
    return sorted(clips["genre"].unique())


def predictions_table(
    clip_ids: Sequence[str],
    probabilities: np.ndarray,
    genres: Sequence[str],
    split: Iterable[str],
    fold: Iterable[int],
) -> pd.DataFrame:
    """Build a table of predictions.

    Args:
        clip_ids: (n_clips,).
        probabilities: (n_clips, n_genres) in the order of genres.
        genres: (n_genres,).
        split: (n_clips,) validation or test.
        fold: (n_clips,), -1 without folds.
    """
    table = pd.DataFrame({"clip_id": list(clip_ids), "split": list(split), "fold": list(fold)})
    return table.join(pd.DataFrame(probabilities, columns=list(genres)))
