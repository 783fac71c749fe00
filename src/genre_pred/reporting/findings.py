"""The content of a report: tables and figures of the earlier stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genre_pred.evaluation.scoring.prediction_sets import Coverage


@dataclass(frozen=True)
class Collection:
    """The collection of the run.

    Attributes:
        name: The collection's name (`data.name`).
        source: Its source (`data.source`).
        accepts_audio: Whether it holds audio; false for precomputed features.
        hours: Hours of audio.
        artists: Number of artists; None if some are unknown.
        clips: genre, the number of clips in each split (train, validation, test), all.
        left_out: Number of clips in no part of the publisher's split.
        rejected: path, reason of each rejected file.
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
class ModelSection:
    """The details of the best model of an approach.

    Attributes:
        model: Its name.
        approach: Its approach.
        split: The scoring split: test, or validation if there is no test split.
        confusion: From `metrics.confusion`.
        calibration: From `metrics.reliability`.
        hardest: From `mistakes.hardest_clips`.
        confused: From `mistakes.most_confused`.
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
class CoverageSection:
    """The nominal and observed coverage of a model's prediction sets.

    Attributes:
        model: The model's name.
        coverage: The nominal coverage, in (0, 1).
        observed: The coverage on test clips; None if it was not measured.
        note: The reason why it was not measured, or another remark; mostly empty.
    """

    model: str
    coverage: float
    observed: Coverage | None = None
    note: str = ""


@dataclass(frozen=True)
class Lineage:
    """The code, settings, data and runs behind the report.

    Attributes:
        commit: The commit that was checked out.
        changed: The settings that differ from the commit's.
        data: Digest of data/clips.parquet.
        outputs: path, stage, digest, run_id, url, execution, commit, started, seconds of the
            MLflow runs that made the inputs of the report; possibly no row.
    """

    commit: str
    changed: Mapping[str, Any]
    data: str
    outputs: pd.DataFrame


@dataclass(frozen=True)
class Findings:
    """The content of a report.

    Attributes:
        collection: The collection of the run.
        confidence: Of the two-sided intervals.
        board: The leaderboard, with role ("champion", "candidate", "reproduction" or empty),
            published and by: see `standings.Standing`.
        others: The published figures of systems that are not on the leaderboard.
        metrics: reports/metrics.json.
        promotion: reports/promotion.json; None if it does not exist.
        models: The best model of each approach; the champion first, then candidates.
        coverage: The prediction sets of the champion; None if no model was scored.
        histories: Network -> epoch, split, accuracy, loss.
        costs: model, train_seconds, megabytes, clip_seconds; NaN if unknown.
        lineage: Code, settings, data and runs.
        licences: From `licences.licences_of`.
    """

    collection: Collection
    confidence: float
    board: pd.DataFrame
    others: pd.DataFrame
    metrics: Mapping[str, Any]
    promotion: Mapping[str, Any] | None
    models: Sequence[ModelSection]
    coverage: CoverageSection | None
    histories: Mapping[str, pd.DataFrame]
    costs: pd.DataFrame
    lineage: Lineage
    licences: pd.DataFrame

    @property
    def champion(self) -> Mapping[str, str] | None:
        """The champion's version and tags, from promotion.json."""
        return self.promotion["champion"] if self.promotion else None

    @property
    def champion_row(self) -> pd.Series | None:
        """The champion's row of the leaderboard; None if this run did not train the champion."""
        rows = self.board[self.board["role"] == "champion"]
        return None if rows.empty else rows.iloc[0]
