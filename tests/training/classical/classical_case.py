"""Clips with more or less separable genres, and classifiers that train fast."""

import numpy as np

from genre_pred.config.sections import Split
from genre_pred.core.splits import rounds
from genre_pred.datasets.split.methods import split_clips
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.features import FeatureSet, flatten
from genre_pred.training.classical.jobs import Job, Table, train

GENRES = ["a", "b", "c", "d"]
REAL = [name for name in CLASSIFIERS if name != "majority"]


def small_settings(params):
    return params.classical.model_copy(
        update={
            "pca_components": 3,
            "random_forest": params.classical.random_forest.model_copy(update={"n_estimators": 20}),
            "extra_trees": params.classical.extra_trees.model_copy(update={"n_estimators": 20}),
            "xgboost": params.classical.xgboost.model_copy(update={"n_estimators": 5}),
            "mlp_deep": params.classical.mlp_deep.model_copy(
                update={"hidden_layer_sizes": (20, 10)}
            ),
        }
    )


class Case:
    """Clips of some genres with features that tell them apart, more or less, and their split."""

    def __init__(self, make_clips, noise=0.1, n_genres=4, windows=1, folds=0, artists=12):
        self.genres = GENRES[:n_genres]
        self.clips = make_clips(artists=artists, each=2, genres=self.genres)
        rng = np.random.default_rng(7)
        self.clip_ids = self.clips["clip_id"].to_numpy(dtype=object).repeat(windows)
        target = self.clips["genre"].map(self.genres.index).to_numpy().repeat(windows)
        centres = 3 * rng.standard_normal((n_genres, 8))
        values = centres[target] + noise * rng.standard_normal((len(target), 8))
        self.values = values.astype(np.float32)
        self.asked = Split(
            method="folds" if folds else "grouped",
            validation_share=0.25,
            test_share=0.25,
            n_folds=folds or 2,
            seed=1,
        )
        self.split = split_clips(self.clips, self.asked)
        self.rounds = rounds(self.split, self.clips, self.asked)
        self.truth = self.clips.set_index("clip_id")["genre"]

    def job(self, classifier, **spec):
        spec = FeatureSet("descriptors", "mfcc", flatten, "descriptors", **spec)
        return Job("mfcc", spec, classifier, lambda: Table(self.values, self.clip_ids))

    def train(self, classifier, settings, clips=None, **spec):
        clips = self.clips if clips is None else clips
        job = self.job(classifier, **spec)
        return train(job, settings, clips, self.split, self.rounds, self.genres)

    def hits(self, predictions):
        named = predictions[self.genres].idxmax(axis=1).to_numpy(dtype=object)
        return named == self.truth.loc[predictions["clip_id"]].to_numpy(dtype=object)
