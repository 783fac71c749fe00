"""Out-of-distribution detection by the distance to the training clips in a PCA space.

The prediction of a recording far from all training clips is unreliable, however high its
probability. The features of a window (for a network, statistics of its log-mel) are standardised
and projected on the principal components of the training windows. The norm of the residual is
one more coordinate, because other kinds of sound differ from music mostly there.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from genre_pred.core.tables import TRAIN, VALIDATION
from genre_pred.inference.prediction import Neighbour

MOST_COMPONENTS = 64
NEAR = 5  # training windows whose mean distance is a window's novelty
SHOWN = 3  # nearest training clips of a prediction


@dataclass(frozen=True)
class NoveltyDetector:
    """The training clips in a PCA space, and the largest distance that is not unknown.

    Attributes:
        clip_id: (n_rows,) text: the training clip of each point; a clip may have several windows.
        genre: (n_rows,) text.
        path: (n_rows,) text.
        content: (n_rows,) text, as in clips.parquet; empty in files of earlier versions.
        points: (n_rows, n_components + 1) float32.
        mean: (n_features,) float32, of the training windows.
        scale: (n_features,) float32, their standard deviation; 1 for a constant feature.
        components: (n_components, n_features) float32.
        threshold: () float64: the novelty above which a recording is unknown.
    """

    clip_id: np.ndarray
    genre: np.ndarray
    path: np.ndarray
    content: np.ndarray
    points: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    threshold: np.ndarray

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        index: pd.DataFrame,
        clips: pd.DataFrame,
        split: pd.DataFrame,
        accept: float,
    ) -> Self:
        """Fit the space on the training clips, and the threshold on the validation clips.

        With folds, the space holds every clip. For the threshold, each clip is compared only with
        the other folds, in a space fitted on them. Those are fewer clips, so that slightly more
        than `accept` of new music is accepted.

        Args:
            values: (n_rows, n_features) float, the classifier's features of all windows.
            index: clip_id and window of each row.
            clips: clip_id, genre, path, content.
            split: clip_id, split, fold.
            accept: The share of validation clips at or below the threshold. A clip is the
                excerpts that training takes from a track; the novelty of a song is the mean over
                all its windows.
        """
        facts = clips[["clip_id", "genre", "path", "content"]].merge(
            split, on="clip_id", validate="1:1"
        )
        rows = index[["clip_id"]].merge(facts, on="clip_id", how="left", validate="m:1")
        folds = bool((split["fold"] >= 0).all())
        side = rows["split"].to_numpy(dtype=object)
        validation = np.flatnonzero(side == VALIDATION)
        training = validation if folds else np.flatnonzero(side == TRAIN)
        # One thread: the last digits depend on the number of threads, and equal trainings must
        # give equal digests of the classifier.
        with threadpool_limits(1):
            space = cls._fit_space(values[training], rows.iloc[training])
            if folds:
                fold = rows["fold"].to_numpy()[training]
                novelties = np.empty(len(training))
                for number in np.unique(fold):
                    own = fold == number
                    # Fitted on the other folds: clips that a space is fitted on are nearer in it.
                    others = cls._fit_space(values[training[~own]], rows.iloc[training[~own]])
                    novelties[own] = _novelty(others.project(values[training[own]]), others.points)
            else:
                novelties = _novelty(space.project(values[validation]), space.points)
        by_clip = pd.Series(novelties).groupby(rows["clip_id"].to_numpy(dtype=object)[validation])
        threshold = np.sort(by_clip.mean())[math.ceil(accept * by_clip.ngroups) - 1]
        return replace(space, threshold=np.array(float(threshold)))

    @classmethod
    def _fit_space(cls, values: np.ndarray, rows: pd.DataFrame) -> Self:
        """Fit a space and project its clips; the threshold is infinite."""
        scaler = StandardScaler().fit(values)
        n_components = min(MOST_COMPONENTS, len(values) - 1, values.shape[1])
        pca = PCA(n_components, random_state=0).fit(scaler.transform(values))
        space = cls(
            clip_id=rows["clip_id"].to_numpy(dtype=str),
            genre=rows["genre"].to_numpy(dtype=str),
            path=rows["path"].to_numpy(dtype=str),
            content=rows["content"].to_numpy(dtype=str),
            points=np.empty((0, 0), np.float32),  # replaced below; project() needs the rest
            mean=scaler.mean_.astype(np.float32),
            scale=scaler.scale_.astype(np.float32),
            components=pca.components_.astype(np.float32),
            threshold=np.array(np.inf),
        )
        return replace(space, points=space.project(values))

    def project(self, values: np.ndarray) -> np.ndarray:
        """Project features into the space: (n, n_features) -> (n, n_components + 1) float32."""
        standard = (np.asarray(values, np.float32) - self.mean) / self.scale
        scores = standard @ self.components.T  # (n, n_components)
        residual = np.square(standard).sum(axis=1) - np.square(scores).sum(axis=1)
        return np.column_stack([scores, np.sqrt(np.maximum(residual, 0))]).astype(np.float32)

    def compare(self, values: Iterable[np.ndarray]) -> tuple[float, tuple[Neighbour, ...]]:
        """Compare a recording with the training clips, window by window.

        Args:
            values: (n_features,) of each window.

        Returns:
            Its novelty, the mean over windows; and the training clips with the smallest mean
            distance to its windows.
        """
        novelty, n_windows, sums = 0.0, 0, np.zeros(len(self.points))
        for window in values:
            distances = np.linalg.norm(self.points - self.project(window[None]), axis=1)
            n_nearest = min(NEAR, len(distances))
            novelty += float(np.partition(distances, n_nearest - 1)[:n_nearest].mean())
            sums += distances
            n_windows += 1
        means = sums / n_windows
        order = np.argsort(means, kind="stable")
        _, first = np.unique(
            self.clip_id[order], return_index=True
        )  # the nearest window of each clip
        shown = order[np.sort(first)[:SHOWN]]
        return novelty / n_windows, tuple(
            Neighbour(
                str(self.clip_id[row]),
                str(self.genre[row]),
                str(self.path[row]),
                float(means[row]),
                str(self.content[row]),
            )
            for row in shown
        )

    def save(self, path: Path) -> None:
        """Write an .npz file of arrays only; equal detectors give equal bytes."""
        with path.open("wb") as file:
            np.savez(file, **{part.name: getattr(self, part.name) for part in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an .npz file without unpickling."""
        with np.load(path, allow_pickle=False) as arrays:
            defaults = {"content": np.full(arrays["path"].shape, "")}
            return cls(**defaults | {name: arrays[name] for name in arrays})


def _novelty(points: np.ndarray, training: np.ndarray) -> np.ndarray:
    """(n, size) and (m, size) -> (n,) mean distance to the nearest training points."""
    neighbors = min(NEAR, len(training))
    search = NearestNeighbors(n_neighbors=neighbors, algorithm="brute").fit(training)
    values: np.ndarray = search.kneighbors(points)[0].mean(axis=1)
    return values
