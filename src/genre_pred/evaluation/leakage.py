"""How much a random split would flatter: the same classifier with and without artists apart.

Where an artist stands on both sides of a split, a classifier can know the genre by the artist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
        apart: No artist in two folds.
        mixed: Folds at random.
        leakage_gap: The second minus the first.
        clips: How many.
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
    terms: Evaluate,
    *,
    n_folds: int,
    n_repeats: int,
    each: Callable,
) -> Leakage:
    """Cross-validate a classifier with artists apart, and again with artists mixed.

    Args:
        features: A feature set.
        classifier: A name in CLASSIFIERS.
        clips: Those that may be looked at (no test clips): clip_id, genre, artist.
        data: The folder data/.
        settings: The section `classical`.
        terms: Confidence and bootstrap.
        n_folds: Of each cross-validation.
        n_repeats: How often it is repeated, each time with other folds.
        each: A map over repeats.

    Raises:
        UserError: If artists are unknown, or the clips cannot carry a setting.
    """
    if classifier not in CLASSIFIERS:
        raise UserError(f"--classifier names {unknown_name(classifier, CLASSIFIERS)}")
    artists = artist_groups(clips)
    if artists is None:
        raise UserError(
            "artists are unknown: nobody can tell how much a random split would flatter"
        )
    job = Job(features, feature_set(features, data), classifier, stored_table(features, data))
    hear = partial(_hits, job=job, clips=clips, settings=settings, n_folds=n_folds)
    repeats = [(seed, apart) for seed in range(n_repeats) for apart in (True, False)]
    try:
        hits = list(each(hear, repeats))
    except NotApplicable as error:
        raise UserError(str(error)) from None
    apart, mixed = np.concatenate(hits[0::2]), np.concatenate(hits[1::2])
    groups = np.tile(artists.to_numpy(dtype=object), n_repeats)
    interval = partial(
        accuracy_interval,
        groups=groups,
        confidence=terms.confidence,
        n_resamples=terms.n_resamples,
    )
    found = paired_difference(
        mixed,
        apart,
        groups,
        confidence=terms.confidence,
        n_resamples=terms.n_resamples,
        rng=np.random.default_rng(terms.seed),
    )
    return Leakage(
        (float(apart.mean()), *interval(apart, rng=np.random.default_rng(terms.seed))),
        (float(mixed.mean()), *interval(mixed, rng=np.random.default_rng(terms.seed))),
        (found.mean, found.low, found.high),
        len(clips),
    )


def _hits(
    repeat: tuple[int, bool], job: Job, clips: pd.DataFrame, settings: Classical, n_folds: int
) -> np.ndarray:
    """One cross-validation: whether each clip was recognised, (n_clips,) bool."""
    seed, apart = repeat
    nameless = clips.assign(artist=pd.array([pd.NA] * len(clips), dtype="string"))
    known = clips if apart else nameless
    folds = fold_numbers(known, n_folds, seed)
    target_of = {genre: number for number, genre in enumerate(genres_of(clips))}
    targets = clips.set_index("clip_id")["genre"].map(target_of)
    ids = clips["clip_id"].to_numpy(dtype=object)
    hit = pd.Series(False, index=ids)
    for fold in range(n_folds):
        pipeline = fit(job, settings, targets, ids[folds != fold].tolist(), known)
        scores, predicted = clip_scores(pipeline, job, ids[folds == fold].tolist())
        hit[predicted] = scores.argmax(axis=1) == targets.loc[predicted].to_numpy()
    return hit.to_numpy(dtype=bool)
