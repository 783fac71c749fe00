"""Who is learnt from, who chooses, who judges: train, validation and test, or folds.

Whatever the method, no clip and, where artists are known, no artist stands on two sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from genre_pred.clips import APART_BY, LEFT_OUT, TEST, TRAIN, VALIDATION
from genre_pred.faults import Fault
from genre_pred.params import Split


class SplitError(Fault):
    """The collection cannot be split as asked."""


@dataclass(frozen=True)
class Round:
    """One training: who is learnt from, who watches over it, who is predicted."""

    fold: int
    train: list[str]
    validation: list[str]
    predicted: list[str]


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
    out = clips["split"] == LEFT_OUT if settings.method == "publisher" else twins(clips)
    clips = clips[~out.fillna(False)]
    if clips["genre"].nunique() < 2:
        only = clips["genre"].iloc[0]
        raise SplitError(f"there is one genre only ({only}): nothing to tell apart")
    match settings.method:
        case "publisher":
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


def taking_part(clips: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """The clips that a split did not leave out."""
    return clips[clips["clip_id"].isin(split["clip_id"])]


def twins(clips: pd.DataFrame) -> pd.Series:
    """Whether the same sound, or the same numbers, stand in an earlier row."""
    return clips["content"].duplicated()


def artist_groups(clips: pd.DataFrame) -> pd.Series | None:
    """The artist of each clip, or None where any is unknown."""
    return None if clips["artist"].isna().any() else clips["artist"].astype(str)


def rounds(split: pd.DataFrame, clips: pd.DataFrame, settings: Split) -> list[Round]:
    """The trainings that a split asks for.

    Args:
        split: clip_id, split, fold.
        clips: clip_id, genre, artist.
        settings: For folds, the inner share and its seed.

    Returns:
        One round that predicts validation and test; with folds, one for each fold, whose inner
        validation is taken from the clips that it does not predict.
    """
    if not (split["fold"] >= 0).any():
        side = {name: part["clip_id"].tolist() for name, part in split.groupby("split")}
        predicted = [*side[VALIDATION], *side.get(TEST, [])]
        return [Round(-1, side[TRAIN], side[VALIDATION], predicted)]
    return [
        inner_round(
            clips[clips["clip_id"].isin(split.loc[split["fold"] != fold, "clip_id"])],
            settings,
            fold,
            split.loc[split["fold"] == fold, "clip_id"].tolist(),
        )
        for fold in range(split["fold"].max() + 1)
    ]


def inner_round(clips: pd.DataFrame, settings: Split, fold: int, predicted: Sequence[str]) -> Round:
    """A round on these clips alone, a share of which watches over the training.

    Where artists or the number of clips leave no stratified share, or that share would take the
    last of a genre, the round has no validation and trains on everything.
    """
    n_inner = max(2, round(1 / settings.validation_share))
    smallest = clips["genre"].value_counts().min()
    groups = artist_groups(clips)
    if groups is not None:
        smallest = clips.groupby("genre")["artist"].nunique().min()
    if smallest < 2:
        return Round(fold, clips["clip_id"].tolist(), [], list(predicted))
    inner = fold_numbers(clips, min(n_inner, int(smallest)), settings.seed) == 0
    ids = clips["clip_id"]
    if clips.loc[~inner, "genre"].nunique() < clips["genre"].nunique():
        return Round(fold, ids.tolist(), [], list(predicted))
    return Round(fold, ids[~inner].tolist(), ids[inner].tolist(), list(predicted))


def fold_numbers(clips: pd.DataFrame, n_folds: int, seed: int) -> np.ndarray:
    """Stratified folds; by artist where artists are known.

    Returns:
        (n_clips,) int.

    Raises:
        SplitError: If a genre has fewer clips (or artists) than folds.
    """
    groups = artist_groups(clips)
    _enough(clips, n_folds, f"{n_folds} folds")
    if groups is None:
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        parts = folds.split(clips, clips["genre"].to_numpy(dtype=object))
    else:
        grouped = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        parts = grouped.split(
            clips, clips["genre"].to_numpy(dtype=object), groups.to_numpy(dtype=object)
        )
    numbers = np.full(len(clips), -1)
    for number, (_, held_out) in enumerate(parts):
        numbers[held_out] = number
    return numbers


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
    _enough(clips, 3, "train, validation and test", by_artist=artists is not None)
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


def _enough(
    clips: pd.DataFrame, n_parts: int, parts: str, *, by_artist: bool | None = None
) -> None:
    if by_artist is None:
        by_artist = artist_groups(clips) is not None
    unit = "artists" if by_artist else "clips"
    count = clips.groupby("genre")["artist" if by_artist else "clip_id"].nunique()
    if count.min() < n_parts:
        raise SplitError(
            f"genre {count.idxmin()} has {count.min()} {unit}, too few for {parts}: add music, "
            "drop the genre, or change split.method"
        )


def artists_apart(clips: pd.DataFrame, split: pd.DataFrame) -> bool:
    """Whether every artist stands on one side only: as known, or by the publisher's lists."""
    if artist_groups(clips) is None:
        return bool(lists_that_hold_artists_apart(clips, split))
    whole = clips[["clip_id", "artist"]].merge(split, on="clip_id", validate="1:1")
    sides = whole["split"] + whole["fold"].astype(str)
    return bool((sides.groupby(whole["artist"]).nunique() == 1).all())


def lists_that_hold_artists_apart(clips: pd.DataFrame, split: pd.DataFrame) -> str:
    """The publisher's lists that do so without naming them; empty where they are not followed."""
    if APART_BY not in clips:
        return ""
    whole = clips.merge(split, on="clip_id", validate="1:1", suffixes=("_published", ""))
    followed = whole["split"].eq(whole["split_published"]) & whole["fold"].eq(-1)
    return str(clips[APART_BY].iloc[0]) if followed.all() else ""


def protocol(clips: pd.DataFrame, split: pd.DataFrame, settings: Split) -> str:
    """How the scores came about, in the words that stand beside every one of them."""
    name = f"{settings.n_folds} folds" if settings.method == "folds" else settings.method
    if lists := lists_that_hold_artists_apart(clips, split):
        words = f"{name}, {lists} (artists apart by its lists)"
    elif artists_apart(clips, split):
        words = f"{name}, artists apart"
    elif artist_groups(clips) is None:
        words = f"{name}, artists unknown, optimistic"
    else:
        words = f"{name}, artists shared, optimistic"
    if (split["split"] == TEST).any():
        return words
    return f"{words}; no test clips: chosen and scored on the same clips, optimistic"


def _check_genres(clips: pd.DataFrame, split: pd.Series) -> None:
    """Every genre must be learnt from and chosen on."""
    present = pd.crosstab(clips["genre"].to_numpy(dtype=object), split.to_numpy(dtype=object))
    for side in (TRAIN, VALIDATION):
        absent = present.index[present[side] == 0] if side in present else present.index
        if len(absent):
            raise SplitError(f"genre {absent[0]} has no {side} clips: change split.method")
