"""Classifiers trained on tables of features: fitted pipelines, temperatures, predictions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from genre_pred.config.classical import Classical
from genre_pred.core.splits import Round
from genre_pred.core.tables import predictions_table
from genre_pred.training.calibration.clip_scores import calibrate, windows_to_clips
from genre_pred.training.calibration.temperature import scores_of
from genre_pred.training.classical.features import (
    Approach,
    FeatureSet,
    feature_set,
    flatten,
    read_features,
    stored_files,
)
from genre_pred.training.classical.fitting import (
    NotApplicable,
    chosen_settings,
    convergence_noted,
    fit_pipeline,
    fitting_notes,
)

NOTHING = "nothing"  # what the majority class reads of a clip
BASELINE: Approach = "baseline"
TIMED_CLIPS = 64


class Table(NamedTuple):
    """What classifiers read of a collection.

    Attributes:
        values: (n_rows, n_features) float32.
        clip_ids: (n_rows,), the clip of each row; a clip may have several windows.
    """

    values: np.ndarray
    clip_ids: np.ndarray


@dataclass(frozen=True)
class Job:
    """A classifier to be trained on a feature set.

    Attributes:
        features: The feature set's name.
        spec: What comes before the classifier.
        classifier: A name in CLASSIFIERS.
        table: Gives the feature set's table, again and again; a job that goes out to a worker
            takes along how to read it.
    """

    features: str
    spec: FeatureSet
    classifier: str
    table: Callable[[], Table] = field(repr=False)


def stored_table(features: str, data: Path) -> Callable[[], Table]:
    """How a process reads a feature set's table: once for the jobs that follow each other.

    Args:
        features: Its name.
        data: The folder that holds mel/, descriptors/, embeddings/ and finetuned/.

    Raises:
        UserError: If the feature set is unknown, or was not computed.
    """
    # A worker of a cluster outlives a run: it must not take another run's table for this one.
    written = tuple(file.stat().st_mtime_ns for file in stored_files(features, data))
    return partial(_read_table, features, data.absolute(), written)


@lru_cache(maxsize=1)
def _read_table(features: str, data: Path, written: tuple[int, ...]) -> Table:
    values, index = read_features(features, data)
    return Table(values, index["clip_id"].to_numpy(dtype=object))


def _nothing(clip_ids: Sequence[str]) -> Table:
    return Table(np.zeros((len(clip_ids), 1), np.float32), np.array(clip_ids, dtype=object))


@dataclass(frozen=True)
class Trained:
    """What a job became: a pipeline with its temperature and predictions, or a reason.

    Attributes:
        seconds: Of all its fitting and predicting, wall time.
        clip_seconds: Of predicting a clip from its features, among a few others.
        chosen: The settings that a search chose; empty without one.
        note: What a reader must know, as that it did not converge; mostly empty.
        reason: Why the data cannot carry it; empty where they do.
    """

    features: str
    spec: FeatureSet
    classifier: str
    seconds: float
    pipeline: Pipeline | None = None
    temperature: float = float("nan")
    predictions: pd.DataFrame | None = None
    clip_seconds: float = float("nan")
    chosen: str = ""
    note: str = ""
    reason: str = ""

    @property
    def model(self) -> str:
        """The model's name on the leaderboard."""
        return self.classifier if self.features == NOTHING else f"{self.features}/{self.classifier}"

    def summary(self) -> dict[str, object]:
        """Its row in models.csv; no timing, because the same settings give the same file."""
        return {
            "model": self.model,
            "features": self.features,
            "classifier": self.classifier,
            "approach": self.spec.approach,
            "kind": self.spec.kind,
            "origin": self.spec.origin,
            "temperature": self.temperature,
            "chosen": self.chosen,
            "note": self.note,
            "reason": self.reason,
        }


def jobs(settings: Classical, data: Path, clip_ids: Sequence[str]) -> list[Job]:
    """Every classifier on every feature set asked for, and the majority class as a baseline.

    Args:
        settings: The section `classical`.
        data: The folder that holds mel/, descriptors/, embeddings/ and finetuned/.
        clip_ids: All clips.

    Raises:
        UserError: If a feature set is unknown, or was not computed.
    """
    made = []
    for name in settings.features:
        spec, table = feature_set(name, data), stored_table(name, data)
        made += [Job(name, spec, classifier, table) for classifier in settings.classifiers]
    nothing = FeatureSet("mel", NOTHING, flatten, BASELINE, scale=False)
    return [*made, Job(NOTHING, nothing, "majority", partial(_nothing, clip_ids))]


def train(
    job: Job,
    settings: Classical,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    rounds: Sequence[Round],
    genres: Sequence[str],
) -> Trained:
    """Fit a classifier, choose its temperature, predict what it has not seen.

    With folds, each clip is predicted by the pipeline of the round that held it out, and the
    pipeline that is kept is fitted on all clips.

    Args:
        job: The classifier and its table.
        settings: The section `classical`.
        clips: clip_id, genre, artist.
        split: clip_id, split, fold.
        rounds: As `split.rounds` gives them.
        genres: In the order of targets.

    Returns:
        The fitted pipeline and its predictions, or the reason why the data cannot carry it.
    """
    job.table()  # so that who comes first is not timed for reading it
    started = time.perf_counter()
    targets = clips.set_index("clip_id")["genre"].map({genre: i for i, genre in enumerate(genres)})
    train_in = _train_once if rounds[0].fold < 0 else _train_on_folds
    try:
        with convergence_noted(job.classifier) as notes:
            pipeline, scores, predicted = train_in(job, settings, targets, clips, rounds)
    except NotApplicable as error:
        seconds = time.perf_counter() - started
        return Trained(job.features, job.spec, job.classifier, seconds, reason=str(error))
    facts = clips[["clip_id", "artist"]].merge(split, on="clip_id").set_index("clip_id")
    where = facts.loc[predicted].reset_index()
    probabilities, temperature = calibrate(scores, targets.loc[predicted].to_numpy(), where)
    table = predictions_table(predicted, probabilities, genres, where["split"], where["fold"])
    seconds, few = time.perf_counter() - started, predicted[:TIMED_CLIPS]
    clip_scores(pipeline, job, few)
    return Trained(
        job.features,
        job.spec,
        job.classifier,
        seconds,
        pipeline,
        temperature,
        table,
        (time.perf_counter() - started - seconds) / len(few),
        chosen_settings(pipeline, job.classifier, settings),
        " ".join([*notes, *fitting_notes(pipeline)]),
    )


Fitted = tuple[Pipeline, np.ndarray, list[str]]  # with the scores of clips, and these clips


def _train_once(
    job: Job, settings: Classical, targets: pd.Series, clips: pd.DataFrame, rounds: Sequence[Round]
) -> Fitted:
    (only,) = rounds
    pipeline = fit(job, settings, targets, only.train, clips)
    return pipeline, *clip_scores(pipeline, job, only.holdout)


def _train_on_folds(
    job: Job, settings: Classical, targets: pd.Series, clips: pd.DataFrame, rounds: Sequence[Round]
) -> Fitted:
    scores, predicted = [], []
    for each in rounds:
        pipeline = fit(job, settings, targets, [*each.train, *each.validation], clips)
        of_round, ids = clip_scores(pipeline, job, each.holdout)
        scores.append(of_round)
        predicted += ids
    return fit(job, settings, targets, predicted, clips), np.concatenate(scores), predicted


def fit(
    job: Job,
    settings: Classical,
    targets: pd.Series,
    clip_ids: Sequence[str],
    clips: pd.DataFrame,
) -> Pipeline:
    """Fit the job's pipeline on every window of the given clips.

    Args:
        job: The classifier and its table.
        settings: The section `classical`.
        targets: By clip_id.
        clip_ids: Who is learnt from.
        clips: clip_id, genre, artist; nothing but the given clips is looked at.

    Raises:
        NotApplicable: If the data cannot carry the setting.
    """
    values, of_rows = job.table()
    rows = np.flatnonzero(np.isin(of_rows, list(clip_ids)))
    learnt = of_rows[rows]
    return fit_pipeline(
        job.classifier,
        job.spec,
        values[rows],
        targets.loc[learnt].to_numpy(),
        learnt,
        clips,
        settings,
    )


def clip_scores(
    pipeline: Pipeline, job: Job, clip_ids: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Score clips: (n_clips, n_genres) log-probabilities before calibration, and the clips."""
    values, of_rows = job.table()
    rows = np.flatnonzero(np.isin(of_rows, list(clip_ids)))
    return windows_to_clips(window_scores(pipeline, values[rows]), of_rows[rows])


def window_scores(pipeline: Pipeline, values: np.ndarray) -> np.ndarray:
    """The scores behind a pipeline's prediction, whose largest is the genre it names.

    Args:
        values: (n_rows, n_features).

    Returns:
        (n_rows, n_genres): the decision function, or the logarithms of probabilities.
    """
    if isinstance(pipeline[-1], GaussianNB):
        # It takes features for independent, so that many make it sure beyond rounding (0 and 1),
        # and beyond any temperature: the mean over features keeps the order, within reach.
        return pipeline.predict_log_proba(values) / pipeline[-1].n_features_in_
    if not hasattr(pipeline, "decision_function"):
        return scores_of(pipeline.predict_proba(values))
    scores = pipeline.decision_function(values)
    return scores if scores.ndim == 2 else np.column_stack([-scores, scores])
