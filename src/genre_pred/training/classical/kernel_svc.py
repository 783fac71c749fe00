"""scikit-learn's SVC by matrix products: the same machine, sooner.

libsvm takes products of rows one pair at a time; here all of them are one matrix product, which
libsvm is then given: a fit of 400 rows was 5 times as quick, one of 6,400 rows 28 times. The
products hold whatever C, gamma and degree are, so that a search needs them once per fold. In
float64 throughout, as libsvm: decisions are SVC's but for rounding.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

# Their products take 0.8 GB, a search twice that whatever its folds, and as many jobs as there are
# workers may want so much. Not a share of the memory: a busy machine would give other digits.
MOST_ROWS = 10_000
ROWS_AT_ONCE = 1000  # in prediction, so that memory does not grow with what is predicted


class Products(NamedTuple):
    """What kernels need to know of the rows of two tables.

    Attributes:
        inner: (n_rows, n_others), each row times each other.
        squares: (n_rows,), each row times itself.
        other_squares: (n_others,).
    """

    inner: np.ndarray
    squares: np.ndarray
    other_squares: np.ndarray


def products_among(rows: np.ndarray) -> Products:
    """Multiply (n_rows, n_features) with itself: half the work of any two tables."""
    rows = rows.astype(np.float64)
    inner = rows @ rows.T
    squares = inner.diagonal().copy()  # so that a row is at distance 0 of itself, to the last digit
    return Products(inner, squares, squares)


def products_between(rows: np.ndarray, others: np.ndarray) -> Products:
    """Multiply (n_rows, n_features) with (n_others, n_features)."""
    rows, others = rows.astype(np.float64), others.astype(np.float64)
    return Products(rows @ others.T, np.vecdot(rows, rows), np.vecdot(others, others))


class KernelSVC(ClassifierMixin, BaseEstimator):
    """SVC(kernel, C, gamma, degree, break_ties=True), fitted on products of rows.

    Ties in the votes go to the largest score, so that the scores tell the prediction. On more than
    MOST_ROWS rows, whose products would take too much memory, it is SVC itself.

    Args:
        kernel: As SVC knows it, with coef0 = 0.
        C: Above 0; larger fits the training rows more closely.
        gamma: Of rbf and poly: 1 / (n_features x variance), 1 / n_features, or a number.
        degree: Of poly.

    Attributes:
        machine_: The SVC within.
        support_vectors_: (n_support, n_features), in the dtype that was given.
        gamma_: As a number.
    """

    def __init__(
        self,
        kernel: Literal["rbf", "poly", "linear"] = "rbf",
        C: float = 1.0,
        gamma: Literal["scale", "auto"] | float = "scale",
        degree: int = 3,
    ) -> None:
        self.kernel = kernel
        self.C = C
        self.gamma = gamma
        self.degree = degree

    def fit(self, values: np.ndarray, targets: np.ndarray) -> Self:
        """Learn from (n_rows, n_features) and (n_rows,)."""
        if len(values) > MOST_ROWS:
            settings = self.get_params()
            self.machine_ = SVC(**settings, break_ties=True).fit(values, targets)
            return self
        values = validate_data(self, values, dtype=[np.float64, np.float32])
        products = products_among(values)
        return self.fit_products(products, values, targets, out=products.inner)

    def fit_products(
        self,
        products: Products,
        values: np.ndarray,
        targets: np.ndarray,
        out: np.ndarray | None = None,
    ) -> Self:
        """Learn from rows whose products are known.

        Args:
            products: `products_among` these rows.
            values: (n_rows, n_features).
            targets: (n_rows,).
            out: Where the kernel is written; None for a new array.
        """
        self.gamma_ = self._gamma_of(values)
        kernel = self._kernel_of(products, out)
        self.machine_ = SVC(C=self.C, kernel="precomputed", break_ties=True).fit(kernel, targets)
        self.support_vectors_ = values[self.machine_.support_]
        return self

    @property
    def note(self) -> str:
        """What a reader must know of how it was fitted; mostly empty."""
        if self.machine_.kernel == "precomputed":
            return ""
        return f"fitted the slow way, on more than {MOST_ROWS} rows"

    @property
    def classes_(self) -> np.ndarray:
        """What it tells apart, (n_classes,)."""
        return self.machine_.classes_

    def decision_function(self, values: np.ndarray) -> np.ndarray:
        """Scores as SVC's: (n_rows, n_classes), or (n_rows,) of the second of two classes."""
        check_is_fitted(self)
        if self.machine_.kernel != "precomputed":
            return self.machine_.decision_function(values)
        values = validate_data(self, values, dtype=[np.float64, np.float32], reset=False)
        batches = gen_batches(len(values), ROWS_AT_ONCE)
        return np.concatenate([self._decide(values[batch]) for batch in batches])

    def _decide(self, values: np.ndarray) -> np.ndarray:
        # The machine looks only at the columns of support vectors in the rows that it learnt from.
        kernel = np.zeros((len(values), self.machine_.shape_fit_[0]))
        products = products_between(values, self.support_vectors_)
        kernel[:, self.machine_.support_] = self._kernel_of(products, products.inner)
        return self.machine_.decision_function(kernel)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """The class of the largest score, (n_rows,)."""
        return self._named(self.decision_function(values))

    def predict_products(self, products: Products) -> np.ndarray:
        """The same of rows whose products with all rows learnt from are known."""
        return self._named(self.machine_.decision_function(self._kernel_of(products)))

    def _named(self, scores: np.ndarray) -> np.ndarray:
        largest = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes_[largest]

    def _gamma_of(self, values: np.ndarray) -> float:
        if self.gamma == "auto":
            return 1 / values.shape[1]
        if self.gamma == "scale":
            variance = values.var(dtype=np.float64)
            return float(1 / (values.shape[1] * variance)) if variance else 1.0
        return float(self.gamma)

    def _kernel_of(self, products: Products, out: np.ndarray | None = None) -> np.ndarray:
        if self.kernel == "linear":
            return products.inner
        if self.kernel == "poly":
            kernel = np.multiply(products.inner, self.gamma_, out=out)
            kernel **= self.degree
            return kernel
        # -gamma |a - b|^2, by a.a + b.b - 2 a.b
        kernel = np.multiply(products.inner, 2 * self.gamma_, out=out)
        kernel -= self.gamma_ * products.squares[:, None]
        kernel -= self.gamma_ * products.other_squares
        return np.exp(kernel, out=kernel)


def best_settings(
    pipeline: Pipeline,
    grid: dict[str, list[object]],
    values: np.ndarray,
    targets: np.ndarray,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
) -> dict[str, object]:
    """Choose as GridSearchCV does by accuracy, with one matrix of products per fold.

    Args:
        pipeline: Unfitted, its last step `classify` a KernelSVC.
        grid: The values to try, by setting as `classify__C`.
        values: (n_rows, n_features).
        targets: (n_rows,).
        parts: Rows to learn from and rows to score, per fold. What comes before the classifier
            is fitted on the former.

    Returns:
        The settings of the best mean over the folds, ties to the first.
    """
    tried = list(ParameterGrid(grid))
    scores = np.empty((len(tried), len(parts)))
    for fold, (learnt, held_out) in enumerate(parts):
        before = clone(pipeline).set_params(classify="passthrough")
        rows = before.fit_transform(values[learnt], targets[learnt])
        others = before.transform(values[held_out])
        among, between = products_among(rows), products_between(others, rows)
        for number, settings in enumerate(tried):
            machine = clone(pipeline).set_params(**settings)["classify"]
            machine.fit_products(among, rows, targets[learnt])
            named = machine.predict_products(between)
            scores[number, fold] = accuracy_score(targets[held_out], named)
    return tried[int(scores.mean(axis=1).argmax())]
