"""Fit one classifier with its preprocessing; check that the settings fit the data; tune it.

Tuning is a cross-validation within the training clips; held-out clips are never used.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from genre_pred.config.classical import Classical
from genre_pred.core.splits import SplitError, fold_numbers
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.features import FeatureSet
from genre_pred.training.classical.kernel_svc import MOST_ROWS, KernelSVC, best_settings

Parts = list[tuple[np.ndarray, np.ndarray]]  # training rows, rows to score


class NotApplicable(ValueError):
    """A setting does not fit the data, such as more components than clips; str() is the reason."""


def fit_pipeline(
    classifier: str,
    spec: FeatureSet,
    values: np.ndarray,
    targets: np.ndarray,
    row_clips: np.ndarray,
    clips: pd.DataFrame,
    settings: Classical,
) -> Pipeline:
    """Fit a classifier with its preprocessing; tune it if `search` names it.

    Args:
        classifier: A name in CLASSIFIERS.
        spec: The feature set, with the preprocessing.
        values: (n_rows, n_features) float32.
        targets: (n_rows,) int.
        row_clips: (n_rows,), the clip of each row.
        clips: clip_id, genre, artist of these clips; rows of other clips are ignored.
        settings: The section `classical`.

    Returns:
        The pipeline, fitted on all rows. A tuned one has the settings with the best
        cross-validated accuracy.

    Raises:
        NotApplicable: If a setting does not fit the data.
    """
    grid = settings.search.get(classifier, {})
    parts: Parts = []
    if grid:
        parts = _search_parts(classifier, targets, row_clips, clips, settings)
    fewest = min([len(rows) for rows, _ in parts], default=len(values))
    _check_fits_data(classifier, spec, fewest, values.shape[1], settings)
    samples = [values, *(values[rows] for rows, _ in parts)]
    if spec.drop_constant and any((part == part[0]).all() for part in samples):
        raise NotApplicable("every feature is the same for all training clips")
    pipeline = _unfitted(classifier, spec, settings)
    try:
        target_samples = [targets, *(targets[rows] for rows, _ in parts)]
        fewest_of_genre = min(np.bincount(part)[np.unique(part)].min() for part in target_samples)
        if classifier == "qda" and fewest_of_genre < 2:
            raise np.linalg.LinAlgError  # scikit-learn raises it for 2 clips, but not for 1
        if grid:
            pipeline.set_params(**_best_settings(pipeline, grid, values, targets, parts))
        return pipeline.fit(values, targets)
    except np.linalg.LinAlgError:
        if classifier != "qda":
            raise
        raise NotApplicable(
            "qda needs more training clips of each genre than features, and no feature that is "
            "constant or a sum of others there: take fewer (a PCA) or, where clips are enough, "
            "raise classical.qda.reg_param"
        ) from None


def chosen_settings(pipeline: Pipeline, classifier: str, settings: Classical) -> str:
    """The settings that the search chose, such as "C=10, gamma=scale"; empty without a search."""
    used = pipeline["classify"].get_params()
    return ", ".join(f"{name}={used[name]}" for name in settings.search.get(classifier, {}))


def fitting_notes(pipeline: Pipeline) -> list[str]:
    """Remarks on how a pipeline was fitted; mostly none."""
    fitted = pipeline["classify"]
    return [fitted.note] if isinstance(fitted, KernelSVC) and fitted.note else []


@contextmanager
def convergence_noted(classifier: str) -> Iterator[list[str]]:
    """Collect scikit-learn's ConvergenceWarnings as a note instead of printing them.

    Yields:
        A list that holds one sentence after the block if a fit did not converge. Other warnings
        are passed on.
    """
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield notes
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            notes[:] = [f"did not converge: raise classical.{classifier}.max_iter"]
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _unfitted(classifier: str, spec: FeatureSet, settings: Classical) -> Pipeline:
    steps: list[tuple[str, object]] = []
    if spec.drop_constant:
        steps.append(("vary", VarianceThreshold()))
    if spec.scale:
        steps.append(("scale", StandardScaler()))
    if spec.pca:
        steps.append(("pca", PCA(settings.pca_components, random_state=settings.seed)))
    steps.append(("classify", CLASSIFIERS[classifier](settings)))
    return Pipeline(steps)


def _best_settings(
    pipeline: Pipeline,
    grid: Mapping[str, Sequence[object]],
    values: np.ndarray,
    targets: np.ndarray,
    parts: Parts,
) -> dict[str, object]:
    tried = {f"classify__{setting}": list(several) for setting, several in grid.items()}
    if isinstance(pipeline["classify"], KernelSVC) and len(values) <= MOST_ROWS:
        return best_settings(pipeline, tried, values, targets, parts)
    # Ties go to the first value. One process, because jobs already run in parallel.
    search = GridSearchCV(
        pipeline,
        tried,
        scoring="accuracy",
        cv=parts,
        refit=False,
        n_jobs=1,
        error_score="raise",
    )
    result: dict[str, object] = search.fit(values, targets).best_params_
    return result


def _check_fits_data(
    classifier: str, spec: FeatureSet, n_rows: int, n_features: int, settings: Classical
) -> None:
    """Check the settings against the smallest number of rows that they are fitted on."""
    if spec.pca and settings.pca_components > min(n_rows, n_features):
        raise NotApplicable(
            f"classical.pca_components = {settings.pca_components} is more than "
            f"{n_rows} training clips of {n_features} features carry"
        )
    if classifier == "knn":
        tried = settings.search.get("knn", {}).get("n_neighbors", ())
        most = max([*tried] or [settings.knn.n_neighbors])
        if most > n_rows:
            raise NotApplicable(
                f"classical.knn.n_neighbors = {most} is more than {n_rows} training clips"
            )


def _search_parts(
    classifier: str,
    targets: np.ndarray,
    row_clips: np.ndarray,
    clips: pd.DataFrame,
    settings: Classical,
) -> Parts:
    """Stratified folds of the training clips, grouped by artist if artists are known."""
    clips = clips[clips["clip_id"].isin(row_clips)]
    try:
        numbers = fold_numbers(clips, settings.search_folds, settings.seed)
    except SplitError as error:
        raise NotApplicable(f"classical.search.{classifier}: {error}") from None
    fold = pd.Series(numbers, index=clips["clip_id"]).loc[row_clips].to_numpy()
    parts = [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number))
        for number in range(settings.search_folds)
    ]
    if any(len(np.unique(targets[rows])) < len(np.unique(targets)) for rows, _ in parts):
        raise NotApplicable(
            f"classical.search.{classifier}: a fold would hold all training clips of a genre: "
            "too few artists"
        )
    return parts
