"""The leakage gap: accuracy with a random split minus accuracy with artists apart.

If an artist is on both sides of a split, a classifier can recognise the artist instead of the
genre, and its accuracy is too high.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genre_pred.config.classical import Classical
from genre_pred.config.sections import Evaluate
from genre_pred.core.errors import UserError, unknown_name
from genre_pred.core.splits import artist_groups, fold_numbers
from genre_pred.core.tables import genres_of
from genre_pred.evaluation.scoring.significance import accuracy_interval, paired_difference
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.features import feature_set
from genre_pred.training.classical.fitting import NotApplicable
from genre_pred.training.classical.jobs import Job, clip_scores, fit, stored_table

Interval = tuple[float, float, float]  # the figure, its lower and its upper end


@dataclass(frozen=True)
class Leakage:
    """Accuracies of repeated cross-validation, each with its interval over artists.

    Attributes:
        apart: Accuracy with no artist in two folds.
        mixed: Accuracy with random folds.
        leakage_gap: mixed minus apart.
        clips: Number of clips.
    """

    apart: Interval
    mixed: Interval
    leakage_gap: Interval
    clips: int


def measure_leakage(
    features: str,
    classifier: str,
    clips: pd.DataFrame,
    data: Path,
    settings: Classical,
    evaluate: Evaluate,
    *,
    n_folds: int,
    n_repeats: int,
    map_repeats: Callable[..., Any],
) -> Leakage:
    """Cross-validate a classifier with folds grouped by artist, and with random folds.

    Args:
        features: A feature set.
        classifier: A name in CLASSIFIERS.
        clips: clip_id, genre, artist of the training and validation clips, without test clips.
        data: The folder data/.
        settings: The section `classical`.
        evaluate: The section `evaluate`: confidence, n_resamples and seed are used.
        n_folds: Folds of each cross-validation.
        n_repeats: Number of cross-validations, each with other folds.
        map_repeats: A map(function, items), possibly in parallel.

    Raises:
        UserError: If artists are unknown, or a setting does not fit the clips.
    """
    if classifier not in CLASSIFIERS:
        raise UserError(f"--classifier names {unknown_name(classifier, CLASSIFIERS)}")
    artists = artist_groups(clips)
    if artists is None:
        raise UserError(
            "the leakage gap needs artists: this collection does not name the artist of every clip"
        )
    job = Job(features, feature_set(features, data), classifier, stored_table(features, data))
    cross_validate = partial(_hits, job=job, clips=clips, settings=settings, n_folds=n_folds)
    repeats = [(seed, apart) for seed in range(n_repeats) for apart in (True, False)]
    try:
        hits = list(map_repeats(cross_validate, repeats))
    except NotApplicable as error:
        raise UserError(str(error)) from None
    apart, mixed = np.concatenate(hits[0::2]), np.concatenate(hits[1::2])
    groups = np.tile(artists.to_numpy(dtype=object), n_repeats)
    interval = partial(
        accuracy_interval,
        groups=groups,
        confidence=evaluate.confidence,
        n_resamples=evaluate.n_resamples,
    )
    difference = paired_difference(
        mixed,
        apart,
        groups,
        confidence=evaluate.confidence,
        n_resamples=evaluate.n_resamples,
        rng=np.random.default_rng(evaluate.seed),
    )
    return Leakage(
        (float(apart.mean()), *interval(apart, rng=np.random.default_rng(evaluate.seed))),
        (float(mixed.mean()), *interval(mixed, rng=np.random.default_rng(evaluate.seed))),
        (difference.mean, difference.low, difference.high),
        len(clips),
    )


def _hits(
    repeat: tuple[int, bool], job: Job, clips: pd.DataFrame, settings: Classical, n_folds: int
) -> np.ndarray:
    """Run one cross-validation: (n_clips,) bool, whether each prediction is correct."""
    seed, apart = repeat
    if not apart:  # clips without artists are split at random
        clips = clips.assign(artist=pd.array([pd.NA] * len(clips), dtype="string"))
    folds = fold_numbers(clips, n_folds, seed)
    target_of = {genre: number for number, genre in enumerate(genres_of(clips))}
    targets = clips.set_index("clip_id")["genre"].map(target_of)
    ids = clips["clip_id"].to_numpy(dtype=object)
    hit = pd.Series(False, index=ids)
    for fold in range(n_folds):
        pipeline = fit(job, settings, targets, ids[folds != fold].tolist(), clips)
        scores, predicted = clip_scores(pipeline, job, ids[folds == fold].tolist())
        hit[predicted] = scores.argmax(axis=1) == targets.loc[predicted].to_numpy()
    return hit.to_numpy(dtype=bool)
