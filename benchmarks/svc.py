"""Benchmark of the support vector machine's search for C, on a table with S1's shape."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.classical import CLIPS, EMBEDDING, Table
from benchmarks.machine import core_gflops
from benchmarks.timing import Row, row, timed
from genre_pred.config.params import Params
from genre_pred.core.splits import fold_numbers
from genre_pred.training.classical.kernel_svc import KernelSVC, Products, best_settings

GRID_OF_C, MIDDLE_C = (0.1, 0.3, 1.0, 3.0, 10.0), 1.0
EQUAL = 0.999  # share of the predictions, at least
REFERENCE = "GridSearchCV over SVC"
LEAST = 1 / 2  # share of the table from which the target applies
TARGETS: dict[str, Any] = {
    "at_least": 15.0,
    "aim": 30.0,
    "limit": "the products are computed once; the rest is libsvm's optimisation for each C, "
    "on one core",
}


def svc_rows(params: Params, fraction: float, repeats: int) -> Iterator[Row]:
    """Time the search on one fold and one core: with one C, and with five, which share products.

    GridSearchCV took 137 s for one C of this fold on the whole table; five would exceed the limit
    of five minutes for a reference. The target therefore applies from half of the table on.

    Args:
        params: The repository's settings.
        fraction: Share of the table.
        repeats: Number of turns.
    """
    table = Table(int(CLIPS * fraction), EMBEDDING)
    fold = fold_numbers(table.clips, params.classical.search_folds, params.classical.seed)
    training, held_out = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    size = f"{len(training):,} x {EMBEDDING:,} for training, {len(held_out):,} scored "
    size += f"(of {len(fold):,})"
    with threadpool_limits(1):
        more: dict[str, Any] = {
            "warm": False,
            "gflop": (len(training) + 2 * len(held_out)) * len(training) * EMBEDDING / 1e9,
            "megabytes": table.values.nbytes / 1e6,
            "peak_gflops": core_gflops(torch.float64, tries=3),
        }
        grid_targets = TARGETS if fraction >= LEAST else {}
        for step, several, targets in (
            ("svc_fit", (MIDDLE_C,), {}),
            ("svc_grid", GRID_OF_C, grid_targets),
        ):
            searches = Searches(table, training, held_out, several)
            ways = {"theirs": searches.theirs, "ours": searches.ours}
            taken = timed(ways, repeats, warm=False)
            yield row(
                step,
                f"{size}, {len(several)} C",
                REFERENCE,
                taken["theirs"],
                taken["ours"],
                **more,
                **targets,
                lost=searches.lost(),
                note=f"{searches.agreement()}; GFLOP counts the products, which all C share",
            )


class Searches:
    """One search by GridSearchCV and one by ours, with their predictions.

    Attributes:
        predicted: The predictions of the held-out rows by each search, by C.
        chosen: The C that each search chose.
    """

    def __init__(
        self, table: Table, training: np.ndarray, held_out: np.ndarray, several: Sequence[float]
    ) -> None:
        self.values, self.targets = table.values, table.targets
        self.parts, self.several = [(training, held_out)], list(several)
        self.predicted: dict[str, dict[float, np.ndarray]] = {"theirs": {}, "ours": {}}
        self.chosen: dict[str, object] = {}

    def theirs(self) -> None:
        """Search by GridSearchCV."""
        predicted = self.predicted["theirs"]

        def accuracy(pipeline: Pipeline, values: np.ndarray, targets: np.ndarray) -> float:
            predicted[pipeline["svc"].C] = pipeline.predict(values)
            return float(accuracy_score(targets, predicted[pipeline["svc"].C]))

        search = GridSearchCV(
            make_pipeline(StandardScaler(), SVC(break_ties=True)),
            {"svc__C": self.several},
            scoring=accuracy,
            cv=self.parts,
            refit=False,
            error_score="raise",
        )
        search.fit(self.values, self.targets)
        self.chosen["theirs"] = search.best_params_["svc__C"]

    def ours(self) -> None:
        """Search as classical_train does."""
        predicted = self.predicted["ours"]

        class Recording(KernelSVC):
            def predict_products(self, products: Products) -> np.ndarray:
                predicted[self.C] = super().predict_products(products)
                return predicted[self.C]

        unfitted = Pipeline([("scale", StandardScaler()), ("classify", Recording())])
        grid: dict[str, list[object]] = {"classify__C": list(self.several)}
        best = best_settings(unfitted, grid, self.values, self.targets, self.parts)
        self.chosen["ours"] = best["classify__C"]

    def equal(self) -> dict[float, float]:
        """The share of the held-out rows with equal predictions, by C."""
        theirs, ours = self.predicted["theirs"], self.predicted["ours"]
        return {c: float(np.mean(theirs[c] == ours[c])) for c in self.several}

    def agreement(self) -> str:
        """The agreement of both searches, as text."""
        shares = ", ".join(f"{share:.2%} at C = {c:g}" for c, share in self.equal().items())
        chosen = " and ".join(str(c) for c in dict.fromkeys(self.chosen.values()))
        n_rows = len(self.parts[0][1])
        return f"equal predictions on {n_rows:,} held-out rows: {shares}; chosen C: {chosen}"

    def lost(self) -> str:
        """The disagreements beyond the tolerance; empty without any."""
        reasons = [
            f"only {share:.2%} of the predictions at C = {c:g} are equal"
            for c, share in self.equal().items()
            if share < EQUAL
        ]
        if self.chosen["ours"] != self.chosen["theirs"]:
            reasons.append(f"chosen C: {self.chosen['ours']} instead of {self.chosen['theirs']}")
        return "; ".join(reasons)
