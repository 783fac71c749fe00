"""Classifiers on tables, on generated data of S1's shapes: 6,400 clips, hard to tell apart."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.contest import Row, row, timed
from genre_pred.classifiers import CLASSIFIERS
from genre_pred.compute import clip_map
from genre_pred.features import FeatureSet, flatten
from genre_pred.fitting import NotApplicable, fit_pipeline
from genre_pred.params import Classical, Params
from genre_pred.split import fold_numbers

CLIPS, GENRES, EMBEDDING, MFCC = 6400, 8, 3968, 140
GRID_OF_C = (0.1, 0.3, 1.0, 3.0, 10.0)
S1_CLASSIFIERS = tuple(name for name in CLASSIFIERS if name not in ("extra_trees", "majority"))
PLAIN = {  # scikit-learn's own, where ours are others
    "svc_rbf": lambda settings: SVC(**settings.svc_rbf.model_dump()),
    "svc_poly": lambda settings: SVC(kernel="poly", **settings.svc_poly.model_dump()),
    "svc_linear": lambda settings: SVC(kernel="linear", **settings.svc_linear.model_dump()),
}
SCALED = FeatureSet("descriptors", "generated", flatten, "descriptors")
REDUCED = FeatureSet("descriptors", "generated", flatten, "descriptors", pca=True)


class Table:
    """Generated features with their genres, the clips that they are of, and further rows."""

    def __init__(self, n_rows: int, n_features: int) -> None:
        values, targets = make_classification(
            n_rows + n_rows // 2, n_features, n_informative=min(60, n_features), n_redundant=0,
            n_classes=GENRES, n_clusters_per_class=3, class_sep=1.5, random_state=254,
        )  # fmt: skip
        self.values, self.unseen = np.split(values.astype(np.float32), [n_rows])
        self.targets = targets[:n_rows]
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


def svc_row(params: Params, fraction: float, repeats: int) -> Row:
    """A grid of five C for the support vector machine, one core each."""
    table = Table(int(CLIPS * fraction), EMBEDDING)
    settings = params.classical.model_copy(update={"search": {"svc_rbf": {"C": list(GRID_OF_C)}}})
    fold = fold_numbers(table.clips, settings.search_folds, settings.seed)
    parts = [(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in np.unique(fold)]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SVC(break_ties=True)), {"svc__C": list(GRID_OF_C)}, cv=parts
    )
    fitted = {}

    def theirs() -> None:
        fitted["theirs"] = search.fit(table.values, table.targets)

    def ours() -> None:
        fitted["ours"] = table.fit("svc_rbf", SCALED, settings)

    with threadpool_limits(1):
        taken = timed({"theirs": theirs, "ours": ours}, repeats, warm=False)
        said = [fitted[who].predict(table.unseen) for who in ("theirs", "ours")]
    n_rows, n_trained = len(table.ids), sum(len(learnt) for learnt, _ in parts)
    products = n_trained * n_rows + n_rows**2  # each fold's with all rows, and the last with itself
    return row(
        "svc_grid",
        f"{fraction:g} of 6,400 x 3,968, {len(GRID_OF_C)} C x {len(parts)} folds, one core each",
        "GridSearchCV over SVC",
        taken["theirs"],
        taken["ours"],
        at_least=15.0,
        aim=30.0,
        gflop=2 * products * EMBEDDING / 1e9,
        megabytes=table.values.nbytes / 1e6,
        note=f"equal predictions on {np.mean(said[0] == said[1]):.2%} of unseen rows",
    )


def grid_row(params: Params, fraction: float) -> Row:
    """S1's 14 classifiers on its three feature sets, against a plain loop."""
    n_rows = int(CLIPS * fraction)
    embedding, mfcc = Table(n_rows, EMBEDDING), Table(n_rows, MFCC)
    settings = params.classical.model_copy(update={"search": {}})
    sets = [(embedding, SCALED), (embedding, REDUCED), (mfcc, SCALED)]
    jobs = [(table, name, spec) for table, spec in sets for name in S1_CLASSIFIERS]

    def loop() -> None:
        for table, name, spec in jobs:
            _plainly(table, name, spec, settings)

    def ours() -> list[object]:
        each: Callable = clip_map(params.compute, "benchmark", "model")
        return list(each(_Fit(settings), jobs))

    taken = timed({"loop": loop, "ours": ours}, 1, warm=False)
    return row(
        "classical_grid",
        f"14 classifiers x 3 feature sets on {fraction:g} of 6,400 clips",
        "a plain loop over scikit-learn",
        taken["loop"],
        taken["ours"],
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
