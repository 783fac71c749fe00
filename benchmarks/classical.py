"""Classifiers on generated tables with the shapes of S1's: 6,400 clips, hard to classify."""

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

from benchmarks.timing import Row, row, timed
from benchmarks.workers import lasting_map, n_workers
from genre_pred.config.classical import Classical
from genre_pred.config.params import Params
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.features import FeatureSet, flatten
from genre_pred.training.classical.fitting import NotApplicable, fit_pipeline

CLIPS, GENRES, EMBEDDING, MFCC = 6400, 8, 3968, 140
S1_CLASSIFIERS = tuple(name for name in CLASSIFIERS if name not in ("extra_trees", "majority"))
PLAIN = {  # the libraries' implementations, where ours differ
    "svc_rbf": lambda settings: SVC(**settings.svc_rbf.model_dump()),
    "svc_poly": lambda settings: SVC(kernel="poly", **settings.svc_poly.model_dump()),
    "svc_linear": lambda settings: SVC(kernel="linear", **settings.svc_linear.model_dump()),
    # on all cores, the default
    "xgboost": lambda settings: XGBClassifier(
        **settings.xgboost.model_dump(), random_state=settings.seed
    ),
}
SCALED = FeatureSet("descriptors", "generated", flatten, "descriptors")
REDUCED = FeatureSet("descriptors", "generated", flatten, "descriptors", pca=True)


class Table:
    """Generated features with their genres and clips."""

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
        """Fit a classifier as classical_train does."""
        table = (self.values, self.targets, self.ids, self.clips)
        try:
            return fit_pipeline(classifier, spec, *table, settings)
        except NotApplicable:
            return None


def grid_row(params: Params, fraction: float, repeats: int) -> Row:
    """Time S1's 14 classifiers on its three feature sets, against a plain loop."""
    n_rows = int(CLIPS * fraction)
    embedding, mfcc = Table(n_rows, EMBEDDING), Table(n_rows, MFCC)
    settings = params.classical.model_copy(update={"search": {}})
    sets = [(embedding, SCALED), (embedding, REDUCED), (mfcc, SCALED)]
    jobs = [(table, name, spec) for table, spec in sets for name in S1_CLASSIFIERS]

    def loop() -> None:
        for table, name, spec in jobs:
            _fit_plainly(table, name, spec, settings)

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
        note="only the workers' libraries are loaded beforehand",
    )


class _Fit:
    """Fits a job in a worker."""

    def __init__(self, settings: Classical) -> None:
        self.settings = settings

    def __call__(self, job: tuple[Table, str, FeatureSet]) -> object:
        table, name, spec = job
        return table.fit(name, spec, self.settings)


def _fit_plainly(table: Table, name: str, spec: FeatureSet, settings: Classical) -> None:
    before = [PCA(settings.pca_components, random_state=settings.seed)] if spec.pca else []
    classifier = PLAIN.get(name, CLASSIFIERS[name])(settings)
    try:
        make_pipeline(StandardScaler(), *before, classifier).fit(table.values, table.targets)
    except np.linalg.LinAlgError:  # qda with more features than clips: n/a for both
        return
