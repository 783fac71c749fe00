"""Sets of genres that hold the true one as often as they promise.

Split conformal prediction (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random
World"): how improbable the true genre was on clips that no part of the model has seen says how
improbable a genre may be and still belong to the set. That holds for any model, however badly it
is calibrated, as long as the songs to come are like those clips; a song by an artist of a kind
that was not among them is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genre_pred.judge.significance import accuracy_interval, bootstrap_groups
from genre_pred.judge.tables import align

FEWEST_CLIPS = 100  # below, one clip more or less moves the coverage by over a percent


@dataclass(frozen=True)
class GenreSets:
    """How sets of genres are made for one model.

    Attributes:
        coverage: The share of songs whose true genre the set is to hold.
        clips: How many clips it was calibrated on.
        rarest: A genre less probable than this is left out; None where there are too few clips.
    """

    coverage: float
    clips: int
    rarest: float | None

    @property
    def why_not(self) -> str:
        """Why nothing can be promised; empty where it can."""
        if self.rarest is not None:
            return ""
        return f"too few to promise: {self.clips} calibration clips of at least {FEWEST_CLIPS}"

    def members(self, probabilities: np.ndarray) -> np.ndarray:
        """Which genres belong to the sets of clips.

        Args:
            probabilities: (n, k), rows sum to 1.

        Returns:
            (n, k) bool, the most probable genre (the first of equals) always among them.

        Raises:
            ValueError: If nothing can be promised.
        """
        if self.rarest is None:
            raise ValueError(self.why_not)
        chosen = np.asarray(probabilities) >= self.rarest
        chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
        return chosen


@dataclass(frozen=True)
class Coverage:
    """How often sets held the true genre: a share with its interval, and the sets' mean size."""

    share: float
    low: float
    high: float
    clips: int
    mean_size: float


def calibrate_sets(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str], coverage: float
) -> GenreSets:
    """Find out how improbable a genre may be and still belong to a set.

    What counts of a clip is its true genre's probability, but 1 where that is the most probable
    one: so the sets, which always hold that, promise no less than they keep. A model that names
    more than `coverage` right needs no second genre, and covers more than it promises.

    Args:
        predictions: clip_id and one probability per genre, by models that have seen neither the
            clip nor its artist: of the validation clips, or out of fold.
        truth: clip_id, genre.
        genres: In the order of targets.
        coverage: In (0, 1).

    Returns:
        How sets are made; without a promise below 100 clips.
    """
    n_clips = len(predictions)
    if n_clips < FEWEST_CLIPS:
        return GenreSets(coverage, n_clips, None)
    told = align(predictions, truth, genres)
    of_truth = told.probabilities[np.arange(n_clips), told.targets]
    descending = -np.sort(-np.where(told.hits, 1.0, of_truth))
    # of n + 1 clips, the new one among them, so many must be held for the promise to be kept
    needed = math.ceil((n_clips + 1) * coverage)
    rarest = float(descending[needed - 1]) if needed <= n_clips else 0.0
    return GenreSets(coverage, n_clips, rarest)


def coverage_on(
    sets: GenreSets,
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    genres: Sequence[str],
    *,
    confidence: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> Coverage:
    """Count how often the sets of judged clips hold the true genre.

    Args:
        sets: How they are made; with a promise.
        predictions: clip_id and one probability per genre, of clips that the sets were not
            calibrated on.
        truth: clip_id, genre and, where known, artist.
        genres: In the order of targets.
        confidence: Of the interval, in (0, 1).
        n_resamples: Of the bootstrap over artists.
        rng: The source of chance.

    Raises:
        ValueError: If nothing is promised, or as `align`.
    """
    told = align(predictions, truth, genres)
    chosen = sets.members(told.probabilities)
    held = chosen[np.arange(len(chosen)), told.targets]
    groups, _ = bootstrap_groups(told.truth)
    low, high = accuracy_interval(
        held, groups, confidence=confidence, n_resamples=n_resamples, rng=rng
    )
    return Coverage(float(held.mean()), low, high, len(held), float(chosen.sum(axis=1).mean()))
