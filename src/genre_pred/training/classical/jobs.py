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

NOTHING = "nothing"  # the features of the majority class
BASELINE: Approach = "baseline"
TIMED_CLIPS = 64


class Table(NamedTuple):
    """The features of a collection's clips.

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
        spec: The feature set, with the steps before the classifier.
        classifier: A name in CLASSIFIERS.
        table: Returns the feature set's table on every call. A job sent to a worker carries this
            function instead of the table.
    """

    features: str
    spec: FeatureSet
    classifier: str
    table: Callable[[], Table] = field(repr=False)


def stored_table(features: str, data: Path) -> Callable[[], Table]:
    """A function that reads a feature set's table; consecutive jobs share one read.

    Args:
        features: Its name.
        data: The folder that holds mel/, descriptors/, embeddings/ and finetuned/.

    Raises:
        UserError: If the feature set is unknown, or was not computed.
    """
    # A cluster worker outlives a run: the file times keep it from reusing another run's table.
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
    """The result of a job: a pipeline with its temperature and predictions, or a reason for none.

    Attributes:
        seconds: Wall time of fitting and predicting.
        clip_seconds: Time to predict a clip from its features, in a batch of TIMED_CLIPS.
        chosen: The settings that the search chose; empty without a search.
        note: A remark for the reader, such as "did not converge"; mostly empty.
        reason: Why the classifier does not apply to these data; empty if it was fitted.
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
        """Its row in models.csv; without timings, so that equal settings give equal files."""
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
    """Every requested classifier on every requested feature set, and the majority class.

    Args:
        settings: The section `classical`.
        data: The folder that holds mel/, descriptors/, embeddings/ and finetuned/.
        clip_ids: All clips.

    Raises:
        UserError: If a feature set is unknown, or was not computed.
    """
    listed = []
    for name in settings.features:
        spec, table = feature_set(name, data), stored_table(name, data)
        listed += [Job(name, spec, classifier, table) for classifier in settings.classifiers]
    nothing = FeatureSet("mel", NOTHING, flatten, BASELINE, scale=False)
    return [*listed, Job(NOTHING, nothing, "majority", partial(_nothing, clip_ids))]


def train(
    job: Job,
    settings: Classical,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    rounds: Sequence[Round],
    genres: Sequence[str],
) -> Trained:
    """Fit a classifier, fit its temperature, predict the held-out clips.

    With folds, each clip is predicted by the pipeline of the round that held it out; the returned
    pipeline is fitted on all clips.

    Args:
        job: The classifier and its table.
        settings: The section `classical`.
        clips: clip_id, genre, artist.
        split: clip_id, split, fold.
        rounds: The output of `splits.rounds`.
        genres: In the order of targets.

    Returns:
        The fitted pipeline and its predictions, or the reason why it does not apply.
    """
    job.table()  # before the clock starts: only the first job of a feature set reads the table
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
    seconds, sample = time.perf_counter() - started, predicted[:TIMED_CLIPS]
    clip_scores(pipeline, job, sample)
    return Trained(
        job.features,
        job.spec,
        job.classifier,
        seconds,
        pipeline,
        temperature,
        table,
        (time.perf_counter() - started - seconds) / len(sample),
        chosen_settings(pipeline, job.classifier, settings),
        " ".join([*notes, *fitting_notes(pipeline)]),
    )


Fitted = tuple[Pipeline, np.ndarray, list[str]]  # pipeline, scores of clips, their clip_ids


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
    for current in rounds:
        pipeline = fit(job, settings, targets, [*current.train, *current.validation], clips)
        round_scores, round_clips = clip_scores(pipeline, job, current.holdout)
        scores.append(round_scores)
        predicted += round_clips
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
        clip_ids: The training clips.
        clips: clip_id, genre, artist; rows of other clips are ignored.

    Raises:
        NotApplicable: If a setting does not fit the data.
    """
    values, row_clips = job.table()
    rows = np.flatnonzero(np.isin(row_clips, list(clip_ids)))
    train_clips = row_clips[rows]
    return fit_pipeline(
        job.classifier,
        job.spec,
        values[rows],
        targets.loc[train_clips].to_numpy(),
        train_clips,
        clips,
        settings,
    )


def clip_scores(
    pipeline: Pipeline, job: Job, clip_ids: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Score clips: (n_clips, n_genres) log-probabilities before calibration, and their clip_ids."""
    values, row_clips = job.table()
    rows = np.flatnonzero(np.isin(row_clips, list(clip_ids)))
    return windows_to_clips(window_scores(pipeline, values[rows]), row_clips[rows])


def window_scores(pipeline: Pipeline, values: np.ndarray) -> np.ndarray:
    """The scores of a pipeline; the largest one decides the predicted genre.

    Args:
        values: (n_rows, n_features).

    Returns:
        (n_rows, n_genres): the decision function, or the logarithms of probabilities.
    """
    if isinstance(pipeline[-1], GaussianNB):
        # Naive Bayes assumes independent features: with many, its probabilities round to 0 and 1,
        # which no temperature can soften. The mean over features keeps their order.
        array: np.ndarray = pipeline.predict_log_proba(values) / pipeline[-1].n_features_in_
        return array
    if not hasattr(pipeline, "decision_function"):
        return scores_of(pipeline.predict_proba(values))
    scores = pipeline.decision_function(values)
    return scores if scores.ndim == 2 else np.column_stack([-scores, scores])
