"""The tables that pass between the stages: their columns, their reading and writing.

| table | columns |
|---|---|
| tracks | clip_id, path, genre, artist, split: a collection as its source describes it |
| clips | tracks that decode: + sample_rate, n_samples, rms_db, content |
| split | clip_id, split, fold |
| index | clip_id, window: what the rows of an array stand for |
| predictions | clip_id, split, fold, then one probability per genre |

`clip_id` is the only join key. `artist` is NA where unknown, `split` NA where the publisher says
nothing. The table split holds those who take part. `fold` is -1 where there are no folds; with
folds, `split` is validation throughout, because each clip is predicted by a model that has not
seen it. Where a publisher's lists keep artists apart without naming them, tracks and clips have
one column more: `apart_by`, what these lists are called. `content` is a digest of the decoded
sound; where there is only what others computed, of that, and n_samples is 0.
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
# Columns that stand beside one per genre: a genre called so would take their place.
_BESIDE_GENRES = ("predicted", "probability", "learnt_from", "reason", "genre_set", "unknown")
NO_GENRES = frozenset((*PREDICTION_COLUMNS, *CLIP_COLUMNS, APART_BY, *_BESIDE_GENRES))

TRAIN, VALIDATION, TEST = "train", "validation", "test"
LEFT_OUT = "left out"  # of a collection whose publisher's split does not take every clip


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or, where the name ends so, CSV; same table, same bytes."""
    with atomic_write(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False, lineterminator="\n")
        else:
            table.to_parquet(temporary, index=False)


def write_contents(folder: Path, names: Iterable[str]) -> None:
    """Tell in a folder what a stage left there; it may be nothing, but the folder is not empty."""
    write_table(pd.DataFrame({"name": list(names)}), folder / "contents.csv")


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table that a stage wrote.

    Args:
        path: A Parquet file.
        columns: Those that it must have.

    Raises:
        ValueError: If one is missing or a clip stands twice in the same window.
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
    """Whether the clips are sound; of precomputed collections there are only numbers."""
    return bool((clips["n_samples"] > 0).all())


def as_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the columns of clips, with apart_by where the source tells it, and number the rows."""
    return table[[name for name in (*CLIP_COLUMNS, APART_BY) if name in table]].reset_index(
        drop=True
    )


def duplicate_reasons(tracks: pd.DataFrame, content: pd.Series, *, once: bool) -> list[str | None]:
    """Why a clip must go that is the same as another one; None where it may stay.

    On two sides of the publisher's split, those on the side that judges stay: test before
    validation before train before what is left out.

    Args:
        tracks: clip_id, split (the publisher's, or NA).
        content: (n_tracks,) digests of what each holds; NA of what is out already.
        once: Whether of several on one side only the first stays. Without a split it does.

    Returns:
        (n_tracks,) a reason, or None.
    """
    rank = {LEFT_OUT: 0, TRAIN: 1, VALIDATION: 2, TEST: 3}
    reasons: list[str | None] = [None] * len(tracks)
    ids, sides = (tracks[name].to_numpy(dtype=object) for name in ("clip_id", "split"))
    ranks = [-1 if pd.isna(side) else rank[side] for side in sides]
    groups = pd.Series(range(len(tracks)), index=tracks.index).groupby(content.to_numpy())
    for _, group in groups:
        places = group.tolist()
        best = max(places, key=lambda place: ranks[place])  # the first of equals
        for place in places:
            if ranks[place] < ranks[best]:
                reasons[place] = f"identical to {ids[best]}, which is in {sides[best]}"
            elif place != best and (once or ranks[place] < 0):
                reasons[place] = f"identical to {ids[best]}"
    return reasons


def genres_of(clips: pd.DataFrame) -> list[str]:
    """The genres of a collection, in the alphabetical order that every table keeps."""
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
