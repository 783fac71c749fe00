"""Classifiers on tables, on generated data of S1's shapes: 6,400 clips, hard to tell apart."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from xgboost import XGBClassifier

from benchmarks.contest import Row, row, timed
from benchmarks.machine import core_gflops
from benchmarks.workers import lasting_map, n_workers
from genre_pred.classical.classifiers import CLASSIFIERS
from genre_pred.classical.features import FeatureSet, flatten
from genre_pred.classical.fitting import NotApplicable, fit_pipeline
from genre_pred.classical.kernel_svc import KernelSVC, best_settings
from genre_pred.params import Classical, Params
from genre_pred.split import fold_numbers

CLIPS, GENRES, EMBEDDING, MFCC = 6400, 8, 3968, 140
GRID_OF_C, MIDDLE_C = (0.1, 0.3, 1.0, 3.0, 10.0), 1.0
EQUAL = 0.999  # share of the predictions, at least
S1_CLASSIFIERS = tuple(name for name in CLASSIFIERS if name not in ("extra_trees", "majority"))
PLAIN = {  # the libraries' own, where ours are others
    "svc_rbf": lambda settings: SVC(**settings.svc_rbf.model_dump()),
    "svc_poly": lambda settings: SVC(kernel="poly", **settings.svc_poly.model_dump()),
    "svc_linear": lambda settings: SVC(kernel="linear", **settings.svc_linear.model_dump()),
    # on all cores, as it is unless told otherwise
    "xgboost": lambda settings: XGBClassifier(
        **settings.xgboost.model_dump(), random_state=settings.seed
    ),
}
SCALED = FeatureSet("descriptors", "generated", flatten, "descriptors")
REDUCED = FeatureSet("descriptors", "generated", flatten, "descriptors", pca=True)


class Table:
    """Generated features with their genres, and the clips that they are of."""

    def __init__(self, n_rows: int, n_features: int) -> None:
        values, targets = make_classification(
            n_rows, n_features, n_informative=min(60, n_features), n_redundant=0,
            n_classes=GENRES, n_clusters_per_class=3, class_sep=1.5, random_state=254,
        )  # fmt: skip
        self.values, self.targets = values.astype(np.float32), targets
        self.ids = np.array([str(i) for i in range(n_rows)], dtype=object)
        genres = [f"genre {target}" for target in self.targets]
        self.clips = pd.DataFrame({"clip_id": self.ids, "genre": genres, "artist": pd.NA})

    def fit(self, classifier: str, spec: FeatureSet, settings: Classical) -> object:
        """As classical_train does."""
        table = (self.values, self.targets, self.ids, self.clips)
        try:
            return fit_pipeline(classifier, spec, *table, settings)
        except NotApplicable:
            return None


def svc_rows(params: Params, fraction: float, repeats: int) -> Iterator[Row]:
    """The support vector machine on one of the search's folds, one core each: one C, and five.

    All of GridSearchCV's work would take half an hour, five C of one fold six minutes. It is
    timed with one C, in the middle of the grid. Ours is timed with that one, and with all five,
    which share their products; then five times the reference's seconds stand against them.
    """
    table = Table(int(CLIPS * fraction), EMBEDDING)
    fold = fold_numbers(table.clips, params.classical.search_folds, params.classical.seed)
    learnt, held_out = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    parts = [(learnt, held_out)]
    named: list[np.ndarray] = []

    def accuracy(pipeline: Pipeline, values: np.ndarray, targets: np.ndarray) -> float:
        named[:] = [pipeline.predict(values)]
        return float(accuracy_score(targets, named[0]))

    search = GridSearchCV(
        make_pipeline(StandardScaler(), SVC(break_ties=True)),
        {"svc__C": [MIDDLE_C]},
        scoring=accuracy,
        cv=parts,
        refit=False,
        error_score="raise",
    )
    unfitted = Pipeline([("scale", StandardScaler()), ("classify", KernelSVC())])

    def ours(several: Sequence[float]) -> object:
        tried: dict[str, list[object]] = {"classify__C": list(several)}
        return best_settings(unfitted, tried, table.values, table.targets, parts)

    with threadpool_limits(1):
        peak = core_gflops(torch.float64, tries=3)
        taken = timed(
            {
                "theirs": lambda: search.fit(table.values, table.targets),
                "one": lambda: ours([MIDDLE_C]),
                "five": lambda: ours(GRID_OF_C),
            },
            repeats,
            warm=False,
        )
        fitted = unfitted.set_params(classify__C=MIDDLE_C).fit(
            table.values[learnt], table.targets[learnt]
        )
    equal = float(np.mean(named[0] == fitted.predict(table.values[held_out])))
    size = f"{len(learnt):,} x {EMBEDDING:,} learnt, {len(held_out):,} scored (of {len(fold):,})"
    more = {
        "warm": False,
        "gflop": (len(learnt) + 2 * len(held_out)) * len(learnt) * EMBEDDING / 1e9,
        "megabytes": table.values.nbytes / 1e6,
        "peak_gflops": peak,
    }
    same = f"equal predictions on {equal:.2%} of the {len(held_out):,} held-out rows at C = 1"
    how = "GridSearchCV over SVC"
    yield row("svc_fit", f"{size}, one C", how, taken["theirs"], taken["one"], **more, note=same)
    lines: dict[str, object] = {
        "at_least": 15.0,
        "aim": 30.0,
        "limit": "the products are made once; what is left is libsvm's own search on them for "
        "each C, on one core",
        "lost": "" if equal >= EQUAL else f"only {equal:.2%} of the predictions are equal",
    }
    n_tried = len(GRID_OF_C)
    yield row(
        "svc_grid",
        f"{size}, {n_tried} C",
        f"{how}: {n_tried} times the seconds of one C, extrapolated",
        [n_tried * seconds for seconds in taken["theirs"]],
        taken["five"],
        **more,
        **(lines if fraction == 1 else {}),
        note=f"{same}; GFLOP are those of the products, which serve all C"
        + ("" if fraction == 1 else "; its line is of the whole table"),
    )


def grid_row(params: Params, fraction: float, repeats: int) -> Row:
    """S1's 14 classifiers on its three feature sets, against a plain loop."""
    n_rows = int(CLIPS * fraction)
    embedding, mfcc = Table(n_rows, EMBEDDING), Table(n_rows, MFCC)
    settings = params.classical.model_copy(update={"search": {}})
    sets = [(embedding, SCALED), (embedding, REDUCED), (mfcc, SCALED)]
    jobs = [(table, name, spec) for table, spec in sets for name in S1_CLASSIFIERS]

    def loop() -> None:
        for table, name, spec in jobs:
            _plainly(table, name, spec, settings)

    with lasting_map(params, most=1) as each:
        list(each(_Fit(settings), [(mfcc, "xgboost", SCALED)] * 2 * n_workers(params)))
        ways = {"loop": loop, "ours": lambda: list(each(_Fit(settings), jobs))}
        taken = timed(ways, repeats, warm=False)
    return row(
        "classical_grid",
        f"14 classifiers x 3 feature sets on {n_rows:,} clips",
        "a plain loop over scikit-learn and XGBoost",
        taken["loop"],
        taken["ours"],
        warm=False,
        note="only the workers' libraries are loaded before",
    )


class _Fit:
    """Fits a job where it is sent to."""

    def __init__(self, settings: Classical) -> None:
        self.settings = settings

    def __call__(self, job: tuple[Table, str, FeatureSet]) -> object:
        table, name, spec = job
        return table.fit(name, spec, self.settings)


def _plainly(table: Table, name: str, spec: FeatureSet, settings: Classical) -> None:
    before = [PCA(settings.pca_components, random_state=settings.seed)] if spec.pca else []
    classifier = PLAIN.get(name, CLASSIFIERS[name])(settings)
    try:
        make_pipeline(StandardScaler(), *before, classifier).fit(table.values, table.targets)
    except np.linalg.LinAlgError:  # of qda, on more features than clips: n/a for both
        return
