"""The support vector machine's search for C, on generated data of S1's shapes."""

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
from benchmarks.contest import Row, row, timed
from benchmarks.machine import core_gflops
from genre_pred.config.params import Params
from genre_pred.core.splits import fold_numbers
from genre_pred.training.classical.kernel_svc import KernelSVC, Products, best_settings

GRID_OF_C, MIDDLE_C = (0.1, 0.3, 1.0, 3.0, 10.0), 1.0
EQUAL = 0.999  # share of the predictions, at least
REFERENCE = "GridSearchCV over SVC"
LEAST = 1 / 2  # of the table, for the line to be told
LINES: dict[str, Any] = {
    "at_least": 15.0,
    "aim": 30.0,
    "limit": "the products are made once; what is left is libsvm's own search on them for each C, "
    "on one core",
}


def svc_rows(params: Params, fraction: float, repeats: int) -> Iterator[Row]:
    """Search one of the folds, on one core: with one C, and with five, which share their products.

    One C of this fold took GridSearchCV 137 s on the whole table, so five would be above the five
    minutes that a reference may take: the line is told from half the table on.

    Args:
        params: The repository's settings.
        fraction: Of the table.
        repeats: How many turns.
    """
    table = Table(int(CLIPS * fraction), EMBEDDING)
    fold = fold_numbers(table.clips, params.classical.search_folds, params.classical.seed)
    learnt, held_out = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    size = f"{len(learnt):,} x {EMBEDDING:,} learnt, {len(held_out):,} scored (of {len(fold):,})"
    with threadpool_limits(1):
        more: dict[str, Any] = {
            "warm": False,
            "gflop": (len(learnt) + 2 * len(held_out)) * len(learnt) * EMBEDDING / 1e9,
            "megabytes": table.values.nbytes / 1e6,
            "peak_gflops": core_gflops(torch.float64, tries=3),
        }
        line = LINES if fraction >= LEAST else {}
        for step, several, lines in (("svc_fit", (MIDDLE_C,), {}), ("svc_grid", GRID_OF_C, line)):
            searches = Searches(table, learnt, held_out, several)
            ways = {"theirs": searches.theirs, "ours": searches.ours}
            taken = timed(ways, repeats, warm=False)
            yield row(
                step,
                f"{size}, {len(several)} C",
                REFERENCE,
                taken["theirs"],
                taken["ours"],
                **more,
                **lines,
                lost=searches.lost(),
                note=f"{searches.told()}; GFLOP are those of the products, which serve all C",
            )


class Searches:
    """One search by GridSearchCV and by ours, and what each named on its way.

    Attributes:
        named: How each called the held-out rows, by C.
        chosen: The C that each found best.
    """

    def __init__(
        self, table: Table, learnt: np.ndarray, held_out: np.ndarray, several: Sequence[float]
    ) -> None:
        self.values, self.targets = table.values, table.targets
        self.parts, self.several = [(learnt, held_out)], list(several)
        self.named: dict[str, dict[float, np.ndarray]] = {"theirs": {}, "ours": {}}
        self.chosen: dict[str, object] = {}

    def theirs(self) -> None:
        """Search as most do."""
        named = self.named["theirs"]

        def accuracy(pipeline: Pipeline, values: np.ndarray, targets: np.ndarray) -> float:
            named[pipeline["svc"].C] = pipeline.predict(values)
            return float(accuracy_score(targets, named[pipeline["svc"].C]))

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
        """Search as the stage does."""
        named = self.named["ours"]

        class Telling(KernelSVC):
            def predict_products(self, products: Products) -> np.ndarray:
                named[self.C] = super().predict_products(products)
                return named[self.C]

        unfitted = Pipeline([("scale", StandardScaler()), ("classify", Telling())])
        tried: dict[str, list[object]] = {"classify__C": list(self.several)}
        best = best_settings(unfitted, tried, self.values, self.targets, self.parts)
        self.chosen["ours"] = best["classify__C"]

    def equal(self) -> dict[float, float]:
        """The share of the held-out rows that both call the same, by C."""
        theirs, ours = self.named["theirs"], self.named["ours"]
        return {c: float(np.mean(theirs[c] == ours[c])) for c in self.several}

    def told(self) -> str:
        """How far both agree, in words."""
        shares = ", ".join(f"{share:.2%} at C = {c:g}" for c, share in self.equal().items())
        chosen = " and ".join(str(c) for c in dict.fromkeys(self.chosen.values()))
        n_rows = len(self.parts[0][1])
        return f"equal predictions on {n_rows:,} held-out rows: {shares}; chosen C: {chosen}"

    def lost(self) -> str:
        """Where they do not agree; empty where they do."""
        found = [
            f"only {share:.2%} of the predictions at C = {c:g} are equal"
            for c, share in self.equal().items()
            if share < EQUAL
        ]
        if self.chosen["ours"] != self.chosen["theirs"]:
            found.append(f"chosen C: {self.chosen['ours']} instead of {self.chosen['theirs']}")
        return "; ".join(found)
