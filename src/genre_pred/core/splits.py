"""Reads a split table: rounds of training, folds, and the protocol behind every score.

Whatever the method, no clip is on two sides and, where artists are known, no artist either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from genre_pred.core.errors import UserError
from genre_pred.core.tables import APART_BY, TEST, TRAIN, VALIDATION


class SplitError(UserError):
    """The collection cannot be split as requested."""


class SplitSettings(Protocol):
    """The section `split` of params.yaml."""

    @property
    def method(self) -> str: ...

    @property
    def validation_share(self) -> float: ...

    @property
    def n_folds(self) -> int: ...

    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Round:
    """One training: the clips to train on, to validate on and to predict."""

    fold: int
    train: list[str]
    validation: list[str]
    holdout: list[str]


def taking_part(clips: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """The clips that take part in a split."""
    return clips[clips["clip_id"].isin(split["clip_id"])]


def artist_groups(clips: pd.DataFrame) -> pd.Series | None:
    """The artist of each clip, or None where any is unknown."""
    return None if clips["artist"].isna().any() else clips["artist"].astype(str)


def rounds(split: pd.DataFrame, clips: pd.DataFrame, settings: SplitSettings) -> list[Round]:
    """The rounds of training of a split.

    Args:
        split: clip_id, split, fold.
        clips: clip_id, genre, artist.
        settings: For folds, the share of the inner validation and its seed.

    Returns:
        One round that predicts validation and test clips. With folds, one round per fold, whose
        inner validation clips come from the clips that it does not predict.
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


def trainings(split: pd.DataFrame, clips: pd.DataFrame, settings: SplitSettings) -> list[Round]:
    """The rounds of a split, the last of which trains the model that is kept.

    With folds, one more round follows, which trains on all clips and holds out none.
    """
    planned = rounds(split, clips, settings)
    if planned[0].fold >= 0:
        planned.append(inner_round(taking_part(clips, split), settings, -1, []))
    return planned


def inner_round(
    clips: pd.DataFrame, settings: SplitSettings, fold: int, predicted: Sequence[str]
) -> Round:
    """A round on these clips alone, a share of which is the validation for early stopping.

    If there are too few clips or artists for a stratified share, or the share would take all clips
    of a genre, the round has no validation and trains on everything.
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
    """Assign clips to stratified folds, grouped by artist where artists are known.

    Returns:
        (n_clips,) int, the fold of each clip.

    Raises:
        SplitError: If a genre has fewer clips (or artists) than folds.
    """
    groups = artist_groups(clips)
    check_enough(clips, n_folds, f"{n_folds} folds")
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


def check_enough(
    clips: pd.DataFrame, n_parts: int, parts: str, *, by_artist: bool | None = None
) -> None:
    """Check that every genre has at least one clip, or one artist, for each part.

    Args:
        clips: clip_id, genre, artist.
        n_parts: Number of parts.
        parts: What the message calls the parts, such as "5 folds".
        by_artist: Whether artists are counted; by default where all are known.

    Raises:
        SplitError: If a genre has fewer.
    """
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
    """Whether every artist is on one side only, by the artists or by the publisher's lists."""
    if artist_groups(clips) is None:
        return bool(lists_that_hold_artists_apart(clips, split))
    merged = clips[["clip_id", "artist"]].merge(split, on="clip_id", validate="1:1")
    sides = merged["split"] + merged["fold"].astype(str)
    return bool((sides.groupby(merged["artist"]).nunique() == 1).all())


def lists_that_hold_artists_apart(clips: pd.DataFrame, split: pd.DataFrame) -> str:
    """The publisher's lists that keep artists apart; empty if the split does not follow them."""
    if APART_BY not in clips:
        return ""
    merged = clips.merge(split, on="clip_id", validate="1:1", suffixes=("_published", ""))
    followed = merged["split"].eq(merged["split_published"]) & merged["fold"].eq(-1)
    return str(clips[APART_BY].iloc[0]) if followed.all() else ""


def protocol(clips: pd.DataFrame, split: pd.DataFrame, settings: SplitSettings) -> str:
    """How the scores were obtained, in the words shown beside every score."""
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
