"""What a report tells of: tables and figures that lie ready, none computed by the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genre_pred.evaluation.scoring.prediction_sets import Coverage


@dataclass(frozen=True)
class Collection:
    """What was asked.

    Attributes:
        name: As `data.name` gives it.
        source: As `data.source` gives it.
        accepts_audio: Whether there is sound, or only what others computed of it.
        hours: Of sound.
        artists: How many; None where some are unknown.
        clips: genre, one count for each side of the split (train, validation, test), all.
        left_out: Clips that the publisher's split does not take.
        rejected: path, reason of each file that was thrown out.
    """

    name: str
    source: str
    accepts_audio: bool
    hours: float
    artists: int | None
    clips: pd.DataFrame
    left_out: int
    rejected: pd.DataFrame


@dataclass(frozen=True)
class Look:
    """A closer look at the best model of an approach, on the clips that judge.

    Attributes:
        model: Its name.
        approach: Which it is the best of.
        split: Who judges: test, or validation where there is no test.
        confusion: As `metrics.confusion` returns it.
        calibration: As `metrics.reliability` returns it.
        hardest: As `mistakes.hardest_clips` returns it.
        confused: As `mistakes.most_confused` returns it.
        genres: genre, precision, recall, f1, clips, always on validation: reports/genres.csv.
    """

    model: str
    approach: str
    split: str
    confusion: pd.DataFrame
    calibration: pd.DataFrame
    hardest: pd.DataFrame
    confused: pd.DataFrame
    genres: pd.DataFrame


@dataclass(frozen=True)
class Promise:
    """The set of genres that a model may give beside its answer, and whether it holds the true one.

    Attributes:
        model: Whose sets.
        coverage: The share of sets that should hold it, in (0, 1).
        tried: How many did; None where that was not tried.
        note: Why not, or what a reader must know; mostly empty.
    """

    model: str
    coverage: float
    tried: Coverage | None = None
    note: str = ""


@dataclass(frozen=True)
class Lineage:
    """Where all this comes from.

    Attributes:
        commit: What was checked out.
        changed: The settings that differ from the commit's.
        data: Digest of data/clips.parquet.
        outputs: path, stage, run, url, execution, commit, started, seconds of the MLflow runs that
            made what the report has read; no row where MLflow knows of none.
    """

    commit: str
    changed: Mapping[str, Any]
    data: str
    outputs: pd.DataFrame


@dataclass(frozen=True)
class Findings:
    """All that a report tells.

    Attributes:
        collection: What was asked.
        confidence: Of the two-sided intervals.
        board: As `leaderboard.leaderboard` returns it, with role ("champion", "candidate",
            "reproduction" or empty), published and by: see `standings.Standing`.
        others: The published figures that stand beside no model of ours.
        metrics: reports/metrics.json.
        promotion: reports/promotion.json; None where there is none yet.
        looks: The best of each approach; the one that matters most first.
        promise: Of the champion's prediction sets; None where no model could be judged.
        histories: Network -> epoch, split, accuracy, loss.
        costs: model, train_seconds, megabytes, clip_seconds; NaN where it is unknown.
        lineage: Where all this comes from.
        licences: As `licences.licences_of` returns it.
    """

    collection: Collection
    confidence: float
    board: pd.DataFrame
    others: pd.DataFrame
    metrics: Mapping[str, Any]
    promotion: Mapping[str, Any] | None
    looks: Sequence[Look]
    promise: Promise | None
    histories: Mapping[str, pd.DataFrame]
    costs: pd.DataFrame
    lineage: Lineage
    licences: pd.DataFrame

    @property
    def champion(self) -> Mapping[str, str] | None:
        """Who holds the title, as promotion.json says it."""
        return self.promotion["champion"] if self.promotion else None

    @property
    def reigning(self) -> pd.Series | None:
        """The champion's row on this board; None where it was trained elsewhere, or is nobody."""
        rows = self.board[self.board["role"] == "champion"]
        return None if rows.empty else rows.iloc[0]
