"""KernelSVC: equal to scikit-learn's SVC."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from genre_pred.training.classical import kernel_svc
from genre_pred.training.classical.kernel_svc import (
    KernelSVC,
    best_settings,
    products_among,
    products_between,
)


def hard(n_rows=900, n_features=300, n_classes=8, dtype=np.float32, seed=254):
    """Classes that overlap: about half of the rows not learnt from are told apart."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(n_classes, size=n_rows)
    centres = 0.15 * rng.standard_normal((n_classes, n_features))
    common = rng.standard_normal((n_rows, 10)) @ rng.standard_normal((10, n_features)) / 3
    values = centres[targets] + common + rng.standard_normal((n_rows, n_features))
    return values.astype(dtype), targets


KERNELS = [
    {"kernel": "rbf"},
    {"kernel": "rbf", "C": 10.0, "gamma": 0.01},
    {"kernel": "rbf", "gamma": "auto"},
    {"kernel": "rbf", "gamma": 1e6},
    {"kernel": "poly", "degree": 1},
    {"kernel": "poly", "degree": 3, "C": 5.0},
    {"kernel": "linear", "C": 0.01},
]


@pytest.mark.parametrize("settings", KERNELS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 8])
def test_scores_and_predictions_are_those_of_scikit_learn(settings, dtype, n_classes):
    values, targets = hard(n_classes=n_classes, dtype=dtype)
    ours = KernelSVC(**settings).fit(values[:600], targets[:600])
    theirs = SVC(**settings, break_ties=True).fit(values[:600], targets[:600])
    scores, expected = (each.decision_function(values) for each in (ours, theirs))
    assert scores.shape == expected.shape == ((900,) if n_classes == 2 else (900, 8))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(ours.predict(values), theirs.predict(values))
    np.testing.assert_array_equal(ours.machine_.support_, theirs.support_)
    assert ours.support_vectors_.dtype == dtype


def test_the_test_classes_overlap_but_are_separable():
    values, targets = hard()
    accuracy = KernelSVC().fit(values[:600], targets[:600]).score(values[600:], targets[600:])
    assert 0.3 < accuracy < 0.8


def test_a_large_offset_costs_no_digits():
    values, targets = hard(dtype=np.float64)
    moved = values + 1000
    ours = KernelSVC(gamma=0.003).fit(moved[:600], targets[:600])
    theirs = SVC(gamma=0.003).fit(values[:600], targets[:600])
    np.testing.assert_allclose(
        ours.decision_function(moved), theirs.decision_function(values), atol=1e-3
    )


def test_gamma_of_features_that_are_all_the_same_is_1():
    targets = np.arange(20) % 2
    assert KernelSVC().fit(np.ones((20, 3)), targets).gamma_ == 1
    assert KernelSVC(gamma="auto").fit(np.ones((20, 4)), targets).gamma_ == 0.25


def test_classes_may_be_strings():
    values, targets = hard(200, 20, 3)
    words = np.array(["blues", "folk", "jazz"])[targets]
    fitted = KernelSVC().fit(values, words)
    np.testing.assert_array_equal(fitted.classes_, ["blues", "folk", "jazz"])
    theirs = SVC(break_ties=True).fit(values, words)
    np.testing.assert_array_equal(fitted.predict(values), theirs.predict(values))


def test_only_support_vectors_are_kept():
    rng = np.random.default_rng(0)
    targets = np.arange(400) % 2
    values = np.column_stack([20 * targets, rng.standard_normal(400)])  # far apart: few are needed
    fitted = KernelSVC().fit(values, targets)
    np.testing.assert_array_equal(fitted.support_vectors_, values[fitted.machine_.support_])
    assert len(fitted.support_vectors_) < 200
    assert fitted.score(values, targets) == 1


def test_batches_change_nothing(monkeypatch):
    values, targets = hard(300, 20)
    fitted = KernelSVC().fit(values, targets)
    at_once = fitted.decision_function(values)
    monkeypatch.setattr(kernel_svc, "ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(fitted.decision_function(values), at_once, atol=1e-12)


def test_the_same_bytes_every_time():
    values, targets = hard()
    with threadpool_limits(1):
        one, other = (KernelSVC().fit(values, targets).decision_function(values) for _ in "ab")
    assert one.tobytes() == other.tobytes()


def test_more_rows_than_fit_into_memory_go_to_scikit_learn(monkeypatch):
    monkeypatch.setattr(kernel_svc, "MOST_ROWS", 100)
    values, targets = hard(101, 20)
    for settings in KERNELS:
        ours = KernelSVC(**settings).fit(values, targets)
        theirs = SVC(**settings, break_ties=True).fit(values, targets)
        assert ours.machine_.kernel == settings["kernel"]
        np.testing.assert_array_equal(
            ours.decision_function(values), theirs.decision_function(values)
        )
        np.testing.assert_array_equal(ours.predict(values), theirs.predict(values))


def test_invalid_training_data_are_refused():
    values, targets = hard(50, 4)
    with pytest.raises(NotFittedError):
        KernelSVC().predict(values)
    with pytest.raises(ValueError, match="3 features, but KernelSVC is expecting 4"):
        KernelSVC().fit(values, targets).predict(values[:, :3])
    with pytest.raises(ValueError, match="1 class"):
        KernelSVC().fit(values, np.zeros(50))
    values[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        KernelSVC().fit(values, targets)


def test_products_of_a_row_with_itself_leave_no_distance():
    values, _ = hard(50, 300)
    inner, squares, others = products_among(values)
    np.testing.assert_array_equal(inner, inner.T)
    np.testing.assert_array_equal(inner.diagonal(), squares)
    np.testing.assert_array_equal(squares, others)
    between = products_between(values[:10], values)
    np.testing.assert_allclose(between.inner, inner[:10], rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(between.other_squares, squares, rtol=1e-12)


# search


@pytest.mark.parametrize(
    "before", [[], [("vary", VarianceThreshold()), ("scale", StandardScaler())]]
)
@pytest.mark.parametrize(
    "grid",
    [
        {"C": [0.1, 1, 10, 100], "gamma": ["scale", "auto", 1e-4, 0.1]},
        {"C": [1e-6, 1e-5, 1e-7]},  # all the same: the first is taken
        {"gamma": [1e4, 1e5]},
    ],
    ids=str,
)
def test_a_search_chooses_what_scikit_learn_chooses(before, grid):
    values, targets = hard(400, 30, 4)
    values[:, 3] *= 40
    values[:, 4] = 1
    grid = {f"classify__{name}": tried for name, tried in grid.items()}
    parts = list(KFold(4, shuffle=True, random_state=0).split(values))
    theirs = GridSearchCV(
        Pipeline([*before, ("classify", SVC(break_ties=True))]), grid, cv=parts, refit=False
    ).fit(values, targets)
    pipeline = Pipeline([*before, ("classify", KernelSVC())])
    assert best_settings(pipeline, grid, values, targets, parts) == theirs.best_params_
    assert not hasattr(pipeline["classify"], "machine_")


@pytest.mark.parametrize("kernel", ["linear", "poly"])
def test_other_kernels_are_searched_alike(kernel):
    values, targets = hard(400, 30, 4)
    grid = {"classify__C": [1e-4, 0.01, 1.0]}
    if kernel == "poly":
        grid["classify__degree"] = [3, 1, 2]
    parts = list(KFold(4, shuffle=True, random_state=0).split(values))
    steps = [("scale", StandardScaler())]
    theirs = GridSearchCV(
        Pipeline([*steps, ("classify", SVC(kernel=kernel, break_ties=True))]), grid, cv=parts
    ).fit(values, targets)
    pipeline = Pipeline([*steps, ("classify", KernelSVC(kernel))])
    assert best_settings(pipeline, grid, values, targets, parts) == theirs.best_params_


def test_a_search_multiplies_once_per_fold(monkeypatch):
    values, targets = hard(100, 10, 2)
    shapes = []

    def spy(rows):
        shapes.append(rows.shape)
        return products_among(rows)

    monkeypatch.setattr(kernel_svc, "products_among", spy)
    parts = list(KFold(4).split(values))
    grid = {"classify__C": [1, 2, 3], "classify__gamma": [0.1, 1]}
    best_settings(Pipeline([("classify", KernelSVC())]), grid, values, targets, parts)
    assert shapes == [(75, 10)] * 4
