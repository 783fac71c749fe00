"""Sets of genres that hold the true one as often as they promise.

Split conformal prediction (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random
World"): how improbable the true genre was on clips that the model was not trained on says how
improbable a genre may be and still belong to the set. That holds for any model, however badly it
is calibrated, as long as the songs to come are like those clips; a song by an artist of a kind
that was not among them is not.

Two things bend the promise here. The clips are the validation ones, which also end the training of
networks, choose among models and fit the temperature: the sets are slightly optimistic, and the
report counts on test what they really hold. And each clip stands for the excerpts of a track that
training takes (windows_per_track), whereas a whole song is averaged over all of its windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genre_pred.evaluation.scoring.alignment import align
from genre_pred.evaluation.scoring.significance import accuracy_interval, bootstrap_groups

FEWEST_CLIPS = 100  # below, one clip more or less moves the coverage by over a percent
# Clips of one artist resemble each other. Simulated for 90 %: of 100 clips by as many artists the
# unluckiest twentieth gives sets that cover 85 % or less. Where half of the variance of how
# improbable the truth is lies between artists, so do 50 artists of four clips; 30: 83 %, 8: 77 %.
FEWEST_ARTISTS = 50


@dataclass(frozen=True)
class GenreSets:
    """How sets of genres are made for one model.

    Attributes:
        coverage: The share of songs whose true genre the set is to hold.
        clips: How many clips it was calibrated on.
        rarest: A genre less probable than this is left out; None where there are too few clips or
            artists.
        artists: How many artists these clips are by; None where some are unknown.
    """

    coverage: float
    clips: int
    rarest: float | None
    artists: int | None = None

    @property
    def why_not(self) -> str:
        """Why nothing can be promised; empty where it can."""
        if self.rarest is not None:
            return ""
        if self.artists is not None and self.artists < FEWEST_ARTISTS:
            few, fewest = f"{self.artists} artists ({self.clips} clips)", FEWEST_ARTISTS
        else:
            few, fewest = f"{self.clips} clips", FEWEST_CLIPS
        return f"too few to promise: {few} to calibrate on, {fewest} are needed"

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
        predictions: clip_id and one probability per genre, by models that were trained neither on
            the clip nor on its artist: of the validation clips, or out of fold.
        truth: clip_id, genre and, where known, artist.
        genres: In the order of targets.
        coverage: In (0, 1).

    Returns:
        How sets are made; without a promise below 100 clips or 50 known artists.
    """
    n_clips = len(predictions)
    groups, by_artist = bootstrap_groups(truth[truth["clip_id"].isin(predictions["clip_id"])])
    artists = len(set(groups)) if by_artist else None
    if n_clips < FEWEST_CLIPS or (artists is not None and artists < FEWEST_ARTISTS):
        return GenreSets(coverage, n_clips, None, artists)
    told = align(predictions, truth, genres)
    of_truth = told.probabilities[np.arange(n_clips), told.targets]
    descending = -np.sort(-np.where(told.hits, 1.0, of_truth))
    # of n + 1 clips, the new one among them, so many must be held for the promise to be kept
    needed = math.ceil((n_clips + 1) * coverage)
    rarest = float(descending[needed - 1]) if needed <= n_clips else 0.0
    return GenreSets(coverage, n_clips, rarest, artists)


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
