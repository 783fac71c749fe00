"""One fit: preprocessing, settings that do not fit the data, search."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC

from genre_pred.training.classical import fitting
from genre_pred.training.classical.features import FeatureSet, flatten
from genre_pred.training.classical.fitting import NotApplicable, convergence_noted, fit_pipeline

PLAIN = FeatureSet("descriptors", "mfcc", flatten, "descriptors")


def spec(**changes):
    return FeatureSet("descriptors", "mfcc", flatten, "descriptors", **changes)


@pytest.fixture
def clips(make_clips):
    """Two genres of 6 artists with 4 clips each."""
    return make_clips(artists=6, each=4)


@pytest.fixture
def fit(params, clips):
    """Fit on some values of these clips; settings of `classical` may be changed."""

    def fit(classifier, values, spec=PLAIN, clips=clips, targets=None, **changes):
        ids = clips["clip_id"].to_numpy(dtype=object).repeat(len(values) // len(clips))
        if targets is None:
            targets = (clips["genre"] == "jazz").to_numpy().repeat(len(values) // len(clips))
        settings = params.classical.model_copy(update=changes)
        values = np.asarray(values, np.float32)
        return fit_pipeline(classifier, spec, values, targets.astype(int), ids, clips, settings)

    return fit


def with_setting(params, classifier, **values):
    return {classifier: getattr(params.classical, classifier).model_copy(update=values)}


@pytest.fixture
def noise():
    return np.random.default_rng(3).standard_normal((48, 6))


def test_steps_are_those_of_the_feature_set(fit, noise):
    everything = spec(drop_constant=True, pca=True)
    pipeline = fit("svc_rbf", noise, everything, pca_components=3)
    assert list(pipeline.named_steps) == ["vary", "scale", "pca", "classify"]
    assert pipeline["pca"].n_components_ == 3
    assert list(fit("svc_rbf", noise, spec(scale=False)).named_steps) == ["classify"]


def test_columns_that_do_not_vary_over_the_training_clips_are_left_out(fit, noise):
    noise[:, [1, 4]] = 7
    pipeline = fit("svc_rbf", noise, spec(drop_constant=True))
    assert pipeline["classify"].n_features_in_ == 4
    moved = noise.copy()
    moved[:, [1, 4]] = 100
    np.testing.assert_array_equal(
        pipeline.decision_function(noise), pipeline.decision_function(moved)
    )


# what the data cannot carry


def test_more_components_than_clips_or_features_are_refused(fit, noise):
    with pytest.raises(NotApplicable, match=r"pca_components = 7 .* 48 training clips of 6 feat"):
        fit("svc_rbf", noise, spec(pca=True), pca_components=7)
    with pytest.raises(NotApplicable, match=r"pca_components = 40 .* 36 training clips of 60 feat"):
        wide = np.random.default_rng(0).standard_normal((48, 60))
        search = {"svc_rbf": {"C": (1, 2)}}  # whose folds hold fewer clips
        fit("svc_rbf", wide, spec(pca=True), pca_components=40, search=search, search_folds=4)


def test_more_neighbours_than_clips_are_refused(fit, noise, params):
    settings = with_setting(params, "knn", n_neighbors=49)
    with pytest.raises(NotApplicable, match=r"knn\.n_neighbors = 49 is more than 48 training cl"):
        fit("knn", noise, **settings)
    fit("knn", noise, **with_setting(params, "knn", n_neighbors=48))
    with pytest.raises(NotApplicable, match=r"n_neighbors = 40 is more than 32 training clips"):
        fit("knn", noise, search={"knn": {"n_neighbors": (3, 40)}}, search_folds=3)


@pytest.mark.parametrize("why", ["collinear", "few", "one"])
def test_discriminant_analysis_needs_clips_and_features_of_their_own(fit, noise, why):
    targets = np.arange(48) % 2
    if why == "collinear":
        noise[:, 0] = noise[:, 1] + noise[:, 2]
    elif why == "few":
        targets = (np.arange(48) < 6).astype(int)
    else:
        targets = (np.arange(48) < 1).astype(int)
    with pytest.raises(NotApplicable, match=r"qda needs more training clips .*qda\.reg_param"):
        fit("qda", noise, targets=targets)


def test_discriminant_analysis_of_collinear_features_goes_with_regularisation(fit, noise, params):
    noise[:, 0] = noise[:, 1] + noise[:, 2]
    fit("qda", noise, **with_setting(params, "qda", reg_param=0.1))


# search


def planted(clips):
    """Genres as two rings: a linear kernel's C does not matter, a narrow Gaussian tells them."""
    rng = np.random.default_rng(5)
    angle = rng.uniform(0, 2 * np.pi, len(clips))
    radius = np.where(clips["genre"] == "jazz", 3, 1)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def test_a_search_finds_the_value_that_tells_the_genres_apart(fit, clips):
    # A gamma of 1e6 remembers, 1e-6 sees no difference.
    search = {"svc_rbf": {"gamma": (1e-6, 1.0, 1e6), "C": (1.0,)}}
    pipeline = fit("svc_rbf", planted(clips), search=search)
    assert pipeline["classify"].gamma == 1.0
    assert pipeline["classify"].machine_.shape_fit_[0] == len(
        clips
    )  # fitted on all of them in the end
    assert pipeline.score(planted(clips), clips["genre"] == "jazz") == 1


def test_settings_outside_the_search_are_unchanged(fit, noise):
    search = {"svc_rbf": {"C": (0.1, 10)}}
    pipeline = fit("random_forest", noise, search=search)
    assert list(pipeline.named_steps) == ["scale", "classify"]


def test_a_search_keeps_artists_and_windows_apart(fit, clips, monkeypatch):
    """An artist's clips, and a clip's windows, are all learnt from or all scored."""
    values = np.arange(2 * len(clips), dtype=float)[:, None]  # the row's number, twice per clip
    owner = clips["artist"].to_numpy(dtype=object).repeat(2)
    seen = []

    class Spy(SVC):
        def fit(self, values, targets):
            seen.append({owner[int(row)] for row in values[:, 0]})
            return super().fit(values, targets)

        def predict(self, values):
            assert not {owner[int(row)] for row in values[:, 0]} & seen[-1]
            return super().predict(values)

    monkeypatch.setitem(fitting.CLASSIFIERS, "svc_rbf", lambda _: Spy())
    fit("svc_rbf", values, spec(scale=False), search={"svc_rbf": {"C": (1, 2)}}, search_folds=3)
    assert len(seen) == 7  # 2 values by 3 folds, and all
    assert [len(artists) for artists in seen] == [8] * 6 + [12]


def test_where_artists_are_unknown_folds_are_of_clips(fit, make_clips):
    clips = make_clips(artists=6, each=4, known=False)
    search = {"svc_rbf": {"gamma": (1e-6, 1.0, 1e6)}}
    assert fit("svc_rbf", planted(clips), clips=clips, search=search)["classify"].gamma == 1.0


def test_a_genre_with_too_few_artists_cannot_be_searched(fit, make_clips):
    clips = make_clips(artists=3, each=8)
    search = {"svc_rbf": {"C": (1, 2)}}
    with pytest.raises(NotApplicable, match=r"search\.svc_rbf: genre blues has 3 artists, too few"):
        fit("svc_rbf", planted(clips), clips=clips, search=search, search_folds=4)


# convergence


def test_other_warnings_are_shown_as_ever():
    with pytest.warns(UserWarning) as shown, convergence_noted("mlp") as notes:
        for _ in range(2):
            warnings.warn("slow", ConvergenceWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["something else"]
    assert notes == ["did not converge: raise classical.mlp.max_iter"]
