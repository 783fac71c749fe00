"""Who is learnt from, who chooses, who judges: train, validation and test, or folds.

Whatever the method, no clip and, where artists are known, no artist stands on two sides.
"""

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from genre_pred.config.sections import Split
from genre_pred.core.splits import SplitError, artist_groups, check_enough, fold_numbers
from genre_pred.core.tables import LEFT_OUT, TEST, TRAIN, VALIDATION


def split_clips(clips: pd.DataFrame, settings: Split) -> pd.DataFrame:
    """Give every clip that takes part its split or its fold.

    The publisher's split may leave clips out; every other takes the first of identical ones.

    Args:
        clips: clip_id, genre, artist, split (the publisher's, or NA), content.
        settings: The method and its shares.

    Returns:
        clip_id, split, fold: in the order of clips.

    Raises:
        SplitError: If the collection cannot be split so.
    """
    if clips.empty:
        raise SplitError("there are no clips: see data/rejected.csv")
    out = clips["split"] == LEFT_OUT if settings.method == "official" else duplicates(clips)
    clips = clips[~out.fillna(False)]
    if clips["genre"].nunique() < 2:
        only = clips["genre"].iloc[0]
        raise SplitError(f"there is one genre only ({only}): nothing to tell apart")
    match settings.method:
        case "official":
            split, fold = _publisher(clips), np.full(len(clips), -1)
            _check_genres(clips, split)
        case "folds":
            split = pd.Series(VALIDATION, index=clips.index)
            fold = fold_numbers(clips, settings.n_folds, settings.seed)
        case method:
            artists = artist_groups(clips) if method == "grouped" else None
            split, fold = _shares(clips, settings, artists), np.full(len(clips), -1)
            _check_genres(clips, split)
    table = pd.DataFrame({"clip_id": clips["clip_id"], "split": split.astype(str), "fold": fold})
    return table


def _publisher(clips: pd.DataFrame) -> pd.Series:
    unknown = clips.loc[clips["split"].isna(), "clip_id"]
    if not unknown.empty:
        raise SplitError(
            f"{len(unknown)} of {len(clips)} clips have no split from their publisher "
            f"(as {unknown.iloc[0]}): set split.method to grouped (if artists are known), "
            "stratified or folds"
        )
    return clips["split"]


def _shares(clips: pd.DataFrame, settings: Split, artists: pd.Series | None) -> pd.Series:
    if settings.method == "grouped" and artists is None:
        raise SplitError(
            "split.method grouped needs the artist of every clip (artists.csv beside the genre "
            "folders: path,artist): give them, or set split.method to stratified or folds"
        )
    check_enough(clips, 3, "train, validation and test", by_artist=artists is not None)
    # An artist of several genres stands for the one that has the fewest artists.
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
    """Cut off a share of every genre, so many units of each at least and never all."""
    kept, cut = [], []
    for _, genre in units.groupby("genre"):
        n_cut = min(max(at_least, round(share * len(genre))), len(genre) - 1)
        one, other = genre, genre.iloc[:0]
        if n_cut:
            one, other = train_test_split(genre, test_size=n_cut, random_state=seed)
        kept.append(one)
        cut.append(other)
    return pd.concat(kept), pd.concat(cut)


def _check_genres(clips: pd.DataFrame, split: pd.Series) -> None:
    """Every genre must be learnt from and chosen on."""
    present = pd.crosstab(clips["genre"].to_numpy(dtype=object), split.to_numpy(dtype=object))
    for side in (TRAIN, VALIDATION):
        absent = present.index[present[side] == 0] if side in present else present.index
        if len(absent):
            raise SplitError(f"genre {absent[0]} has no {side} clips: change split.method")


def duplicates(clips: pd.DataFrame) -> pd.Series:
    """Whether the same sound, or the same numbers, stand in an earlier row."""
    return clips["content"].duplicated()
