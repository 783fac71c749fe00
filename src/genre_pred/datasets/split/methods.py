"""Splits clips into train, validation and test, or into folds.

No clip is on two sides. `grouped` and `folds` also keep artists apart where they are known.
"""

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from genre_pred.config.sections import Split
from genre_pred.core.splits import SplitError, artist_groups, check_enough, fold_numbers
from genre_pred.core.tables import LEFT_OUT, TEST, TRAIN, VALIDATION


def split_clips(clips: pd.DataFrame, settings: Split) -> pd.DataFrame:
    """Assign a split or a fold to every clip that takes part.

    The publisher's split may leave clips out; every other method keeps the first of duplicates.

    Args:
        clips: clip_id, genre, artist, split (the publisher's, or NA), content.
        settings: The method and its shares.

    Returns:
        clip_id, split, fold: in the order of clips.

    Raises:
        SplitError: If the collection cannot be split by this method.
    """
    if clips.empty:
        raise SplitError("there are no clips to split: see data/rejected.csv for the reasons")
    left_out = clips["split"] == LEFT_OUT if settings.method == "official" else duplicates(clips)
    clips = clips[~left_out.fillna(False)]
    if clips["genre"].nunique() < 2:
        only = clips["genre"].iloc[0]
        raise SplitError(f"there is one genre only ({only}): a classifier needs at least two")
    match settings.method:
        case "official":
            split, fold = _official(clips), np.full(len(clips), -1)
            _check_genres(clips, split)
        case "folds":
            split = pd.Series(VALIDATION, index=clips.index)
            fold = fold_numbers(clips, settings.n_folds, settings.seed)
        case method:
            artists = artist_groups(clips) if method == "grouped" else None
            split, fold = _shares(clips, settings, artists), np.full(len(clips), -1)
            _check_genres(clips, split)
    return pd.DataFrame({"clip_id": clips["clip_id"], "split": split.astype(str), "fold": fold})


def _official(clips: pd.DataFrame) -> pd.Series:
    unknown = clips.loc[clips["split"].isna(), "clip_id"]
    if not unknown.empty:
        raise SplitError(
            f"{len(unknown)} of {len(clips)} clips have no split from their publisher "
            f"(such as {unknown.iloc[0]}): set split.method to grouped (if artists are known), "
            "stratified or folds"
        )
    return clips["split"]


def _shares(clips: pd.DataFrame, settings: Split, artists: pd.Series | None) -> pd.Series:
    if settings.method == "grouped" and artists is None:
        raise SplitError(
            "split.method grouped needs the artist of every clip (artists.csv beside the genre "
            "folders: path,artist): add that file, or set split.method to stratified or folds"
        )
    check_enough(clips, 3, "train, validation and test", by_artist=artists is not None)
    # An artist of several genres counts for the genre with the fewest artists.
    n_artists = clips["genre"].map(clips.groupby("genre")["artist"].nunique())
    scarce_first = clips.loc[n_artists.sort_values(kind="stable").index]
    units = clips if artists is None else scarce_first.drop_duplicates("artist")
    name = "clip_id" if artists is None else "artist"
    rest_share = settings.validation_share + settings.test_share
    train, rest = _cut(units, rest_share, 2, settings.seed)
    validation, test = _cut(rest, settings.test_share / rest_share, 1, settings.seed)
    side = dict.fromkeys(train[name], TRAIN)
    side |= dict.fromkeys(validation[name], VALIDATION) | dict.fromkeys(test[name], TEST)
    return clips[name].map(side)


def _cut(
    units: pd.DataFrame, share: float, at_least: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut off a share of every genre: at least `at_least` units of each, but never all."""
    kept, cut = [], []
    for _, genre in units.groupby("genre"):
        n_cut = min(max(at_least, round(share * len(genre))), len(genre) - 1)
        larger, smaller = genre, genre.iloc[:0]
        if n_cut:
            larger, smaller = train_test_split(genre, test_size=n_cut, random_state=seed)
        kept.append(larger)
        cut.append(smaller)
    return pd.concat(kept), pd.concat(cut)


def _check_genres(clips: pd.DataFrame, split: pd.Series) -> None:
    """Every genre needs train and validation clips."""
    present = pd.crosstab(clips["genre"].to_numpy(dtype=object), split.to_numpy(dtype=object))
    for side in (TRAIN, VALIDATION):
        absent = present.index[present[side] == 0] if side in present else present.index
        if len(absent):
            raise SplitError(f"genre {absent[0]} has no {side} clips: change split.method")


def duplicates(clips: pd.DataFrame) -> pd.Series:
    """Whether an earlier row has the same content: audio, or published numbers."""
    return clips["content"].duplicated()
