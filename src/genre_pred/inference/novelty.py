"""The music that a classifier knows: its training clips as points in a small space.

A sound far from all of them is unlike anything the classifier has learnt from, so that its answer,
however sure, is worth little. What the classifier reads of a window (features, or a statistic of
the log-mel for a network) is standardised and brought into the few directions in which training
music differs most; what those leave over is kept as one more coordinate, because that is where
sound of another kind shows.
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
SHOWN = 3  # training clips that an answer names


@dataclass(frozen=True)
class NoveltyDetector:
    """Training clips in their space, and how far from them a sound may lie.

    Attributes:
        clip_id: (n_rows,) text: the training clip of each point; a clip may have several windows.
        genre: (n_rows,) text.
        path: (n_rows,) text.
        content: (n_rows,) text, as in clips.parquet; empty of one from before it was kept.
        points: (n_rows, n_components + 1) float32.
        mean: (n_features,) float32, of the training windows.
        scale: (n_features,) float32, their standard deviation; 1 where a feature does not vary.
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
    def learn(
        cls,
        values: np.ndarray,
        index: pd.DataFrame,
        clips: pd.DataFrame,
        split: pd.DataFrame,
        accept: float,
    ) -> Self:
        """Lay the training clips out, and find the novelty that a share of validation music has.

        With folds every clip is learnt from, and each is compared with the other folds' only, in
        a space of theirs: by artist, where the folds are. Those are fewer clips, so that of fresh
        music somewhat more than the share is accepted.

        Args:
            values: (n_rows, n_features): what the classifier reads of all windows.
            index: clip_id, window: what the rows stand for.
            clips: clip_id, genre, path, content.
            split: clip_id, split, fold.
            accept: The share of validation clips that are not to be called unknown. A clip is the
                excerpts that training takes of a track; of a whole song all windows are averaged.
        """
        facts = clips[["clip_id", "genre", "path", "content"]].merge(
            split, on="clip_id", validate="1:1"
        )
        rows = index[["clip_id"]].merge(facts, on="clip_id", how="left", validate="m:1")
        folds = bool((split["fold"] >= 0).all())
        side = rows["split"].to_numpy(dtype=object)
        validating = np.flatnonzero(side == VALIDATION)
        learnt = validating if folds else np.flatnonzero(side == TRAIN)
        # One thread: the last digits depend on their number, and the same training is to be
        # known again by the digest of its classifier.
        with threadpool_limits(1):
            space = cls._laid_out(values[learnt], rows.iloc[learnt])
            if folds:
                fold = rows["fold"].to_numpy()[learnt]
                told = np.empty(len(learnt))
                for number in np.unique(fold):
                    own = fold == number
                    # A space of the others: clips that helped to lay it out lie nearer in it.
                    others = cls._laid_out(values[learnt[~own]], rows.iloc[learnt[~own]])
                    told[own] = _novelty(others.place(values[learnt[own]]), others.points)
            else:
                told = _novelty(space.place(values[validating]), space.points)
        by_clip = pd.Series(told).groupby(rows["clip_id"].to_numpy(dtype=object)[validating])
        threshold = np.sort(by_clip.mean())[math.ceil(accept * by_clip.ngroups) - 1]
        return replace(space, threshold=np.array(float(threshold)))

    @classmethod
    def _laid_out(cls, values: np.ndarray, rows: pd.DataFrame) -> Self:
        """A space and the clips in it, which calls nothing unknown yet."""
        scaler = StandardScaler().fit(values)
        n_components = min(MOST_COMPONENTS, len(values) - 1, values.shape[1])
        pca = PCA(n_components, random_state=0).fit(scaler.transform(values))
        space = cls(
            clip_id=rows["clip_id"].to_numpy(dtype=str),
            genre=rows["genre"].to_numpy(dtype=str),
            path=rows["path"].to_numpy(dtype=str),
            content=rows["content"].to_numpy(dtype=str),
            points=np.empty((0, 0), np.float32),  # which it takes the rest to find
            mean=scaler.mean_.astype(np.float32),
            scale=scaler.scale_.astype(np.float32),
            components=pca.components_.astype(np.float32),
            threshold=np.array(np.inf),
        )
        return replace(space, points=space.place(values))

    def place(self, values: np.ndarray) -> np.ndarray:
        """Bring features into the space: (n, n_features) -> (n, n_components + 1) float32."""
        standard = (np.asarray(values, np.float32) - self.mean) / self.scale
        told = standard @ self.components.T
        left = np.square(standard).sum(axis=1) - np.square(told).sum(axis=1)
        return np.column_stack([told, np.sqrt(np.maximum(left, 0))]).astype(np.float32)

    def compare(self, values: Iterable[np.ndarray]) -> tuple[float, tuple[Neighbour, ...]]:
        """Compare a recording with the training clips, window by window.

        Args:
            values: (n_features,) of each window.

        Returns:
            Its novelty, the mean over windows; and the training clips nearest to all of it.
        """
        novelty, n_windows, sums = 0.0, 0, np.zeros(len(self.points))
        for of_window in values:
            distances = np.linalg.norm(self.points - self.place(of_window[None]), axis=1)
            near = min(NEAR, len(distances))
            novelty += float(np.partition(distances, near - 1)[:near].mean())
            sums += distances
            n_windows += 1
        means = sums / n_windows
        order = np.argsort(means, kind="stable")
        _, first = np.unique(self.clip_id[order], return_index=True)  # a clip's nearest window
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
        """Write it as .npz: arrays only, and the same music gives the same bytes."""
        with path.open("wb") as file:
            np.savez(file, **{each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it; nothing is unpickled."""
        with np.load(path, allow_pickle=False) as arrays:
            unknown = {"content": np.full(arrays["path"].shape, "")}
            return cls(**unknown | {name: arrays[name] for name in arrays})


def _novelty(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n, size) and (m, size) -> (n,) mean distances to the nearest known points."""
    search = NearestNeighbors(n_neighbors=min(NEAR, len(known)), algorithm="brute").fit(known)
    return search.kneighbors(points)[0].mean(axis=1)
