"""Prediction sets: sets of genres that contain the true genre with a given coverage.

Split conformal prediction (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random
World"): the probabilities of the true genre on held-out clips give a threshold, and a set holds
all genres above it. The coverage holds for any model, even a badly calibrated one, if new songs
are exchangeable with these clips. It does not hold for music unlike the collection.

Two things weaken the guarantee here. The calibration clips are the validation clips, which also
choose the epoch, the model and the temperature, so that the sets are slightly optimistic; the
report states the coverage on test clips. And a clip is calibrated on the excerpts that training
takes from a track (windows_per_track), while the prediction of a song averages all its windows.
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
# Clips of one artist are correlated. In simulations with a nominal coverage of 90 %, the 5th
# percentile of the true coverage is 85 % for 100 clips by 100 artists. It is 85 % for 50 artists
# with four clips each, 83 % for 30 and 77 % for 8, if half of the variance is between artists.
FEWEST_ARTISTS = 50


@dataclass(frozen=True)
class GenreSets:
    """The calibrated threshold of the prediction sets of one model.

    Attributes:
        coverage: The nominal coverage: the share of songs whose set holds the true genre.
        clips: Number of calibration clips.
        rarest: The threshold: less probable genres are left out. None if there are too few clips
            or artists.
        artists: Number of artists of these clips; None if some are unknown.
    """

    coverage: float
    clips: int
    rarest: float | None
    artists: int | None = None

    @property
    def why_not(self) -> str:
        """The reason why there is no threshold; empty if there is one."""
        if self.rarest is not None:
            return ""
        if self.artists is not None and self.artists < FEWEST_ARTISTS:
            few, fewest = f"{self.artists} artists ({self.clips} clips)", FEWEST_ARTISTS
        else:
            few, fewest = f"{self.clips} clips", FEWEST_CLIPS
        return f"too few to calibrate: {few}, {fewest} are needed"

    def members(self, probabilities: np.ndarray) -> np.ndarray:
        """Compute the sets of clips.

        Args:
            probabilities: (n, k), rows sum to 1.

        Returns:
            (n, k) bool; the most probable genre (ties: the first) is always in the set.

        Raises:
            ValueError: If there is no threshold.
        """
        if self.rarest is None:
            raise ValueError(self.why_not)
        chosen = np.asarray(probabilities) >= self.rarest
        chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
        return chosen


@dataclass(frozen=True)
class Coverage:
    """The observed coverage of prediction sets with its interval, and the mean size of the sets."""

    share: float
    low: float
    high: float
    clips: int
    mean_size: float


def calibrate_sets(
    predictions: pd.DataFrame, truth: pd.DataFrame, genres: Sequence[str], coverage: float
) -> GenreSets:
    """Calibrate the threshold of prediction sets.

    The conformity score of a clip is the probability of its true genre, or 1 if that is the most
    probable genre, because sets always hold the most probable one. A model whose accuracy exceeds
    `coverage` needs no second genre, and its sets cover more than the nominal coverage.

    Args:
        predictions: clip_id and one probability per genre, by models that were trained neither on
            the clip nor on its artist: of the validation clips, or out of fold.
        truth: clip_id, genre and, where known, artist.
        genres: In the order of targets.
        coverage: The nominal coverage, in (0, 1).

    Returns:
        The calibrated sets; without a threshold below 100 clips or 50 known artists.
    """
    n_clips = len(predictions)
    groups, by_artist = bootstrap_groups(truth[truth["clip_id"].isin(predictions["clip_id"])])
    artists = len(set(groups)) if by_artist else None
    if n_clips < FEWEST_CLIPS or (artists is not None and artists < FEWEST_ARTISTS):
        return GenreSets(coverage, n_clips, None, artists)
    aligned = align(predictions, truth, genres)
    true_probabilities = aligned.probabilities[np.arange(n_clips), aligned.targets]
    descending = -np.sort(-np.where(aligned.hits, 1.0, true_probabilities))
    # the conformal quantile counts the new clip: (n + 1) * coverage clips must be covered
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
    """Measure the coverage of prediction sets.

    Args:
        sets: Calibrated sets with a threshold.
        predictions: clip_id and one probability per genre, of clips other than the calibration
            clips.
        truth: clip_id, genre and, where known, artist.
        genres: In the order of targets.
        confidence: Of the interval, in (0, 1).
        n_resamples: Of the bootstrap over artists.
        rng: The random generator.

    Raises:
        ValueError: If the sets have no threshold, or as `align`.
    """
    aligned = align(predictions, truth, genres)
    chosen = sets.members(aligned.probabilities)
    covered = chosen[np.arange(len(chosen)), aligned.targets]
    groups, _ = bootstrap_groups(aligned.truth)
    low, high = accuracy_interval(
        covered, groups, confidence=confidence, n_resamples=n_resamples, rng=rng
    )
    return Coverage(
        float(covered.mean()), low, high, len(covered), float(chosen.sum(axis=1).mean())
    )
