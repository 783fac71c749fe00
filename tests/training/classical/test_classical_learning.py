"""Classifiers: separable genres are learned, predictions are reproducible."""

import numpy as np
import pytest
from classical_case import REAL
from sklearn.metrics import log_loss

from genre_pred.core.tables import write_table
from genre_pred.training.calibration.temperature import softmax
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.jobs import fit, window_scores
from genre_pred.training.classical.pipelines import save_pipeline


@pytest.mark.parametrize("n_genres", [2, 4])
@pytest.mark.parametrize("classifier", list(CLASSIFIERS))
def test_the_predicted_genre_is_the_most_probable_one(make_case, settings, classifier, n_genres):
    case = make_case(noise=6.0, n_genres=n_genres)
    targets = case.truth.map(case.genres.index)
    pipeline = fit(case.job(classifier), settings, targets, case.rounds[0].train, case.clips)
    strange = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32) * 5
    values = np.concatenate([case.values, strange])
    probabilities = softmax(window_scores(pipeline, values), 1.7)
    assert probabilities.shape == (len(values), n_genres)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), pipeline.predict(values))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("folds", [0, 3])
@pytest.mark.parametrize("n_genres", [2, 4])
@pytest.mark.parametrize("classifier", REAL)
def test_separable_genres_are_learned(make_case, settings, classifier, n_genres, folds):
    # A covariance for each genre needs clips, and what hardly varies in a genre is collinear.
    easy = {"noise": 0.6, "artists": 24} if classifier == "qda" else {}
    case = make_case(n_genres=n_genres, folds=folds, **easy)
    trained = case.train(classifier, settings)
    assert trained.reason == ""
    # AdaBoost's stumps part clips in two, and boosting ends before four genres are apart.
    enough = 0.4 if classifier == "adaboost" and n_genres > 2 else 0.95
    assert case.hits(trained.predictions).mean() > enough
    assert trained.seconds > 0 and trained.clip_seconds > 0


@pytest.mark.parametrize("classifier", ["random_forest", "xgboost"])
def test_the_temperature_makes_the_validation_log_loss_better(make_case, settings, classifier):
    case = make_case(noise=8.0, artists=40)
    trained = case.train(classifier, settings)
    chosen_on = trained.predictions[trained.predictions["split"] == "validation"]
    truth = case.truth.loc[chosen_on["clip_id"]].map(case.genres.index)
    calibrated = chosen_on[case.genres].to_numpy()
    as_it_was = softmax(np.log(calibrated), 1 / trained.temperature)
    losses = [log_loss(truth, p, labels=range(4)) for p in (calibrated, as_it_was)]
    assert losses[0] < losses[1]


def test_naive_bayes_gives_probabilities_between_0_and_1(make_case, settings):
    case = make_case()
    trained = case.train("naive_bayes", settings)
    scores = window_scores(trained.pipeline, case.values * 3)
    exact = trained.pipeline.predict_log_proba(case.values * 3)
    assert exact.min() < np.log(1e-12) * 2
    np.testing.assert_allclose(scores * 8, exact)  # of 8 features


def test_windows_of_a_clip_are_averaged(make_case, settings):
    case = make_case(noise=4.0, windows=3)
    trained = case.train("logistic_regression", settings)
    assert trained.predictions["clip_id"].is_unique
    clip_id = trained.predictions["clip_id"].iloc[0]
    scores = window_scores(trained.pipeline, case.values[case.clip_ids == clip_id])
    mean = np.log(softmax(scores)).mean(axis=0, keepdims=True)
    found = trained.predictions[case.genres].to_numpy()[0]
    np.testing.assert_allclose(found, softmax(mean, trained.temperature)[0], rtol=1e-9)


def test_the_majority_class_ignores_its_input(make_case, settings):
    case = make_case()
    drop = case.clips.index[case.clips["genre"] != "c"][::3]
    learnt = [
        clip_id
        for clip_id in case.rounds[0].train
        if clip_id not in set(case.clips.loc[drop, "clip_id"])
    ]
    targets = case.truth.map(case.genres.index)
    pipeline = fit(case.job("majority"), settings, targets, learnt, case.clips)
    shares = case.truth[learnt].value_counts(normalize=True)[case.genres]
    assert shares.idxmax() == "c"
    np.testing.assert_allclose(np.exp(window_scores(pipeline, case.values[:5])), [shares] * 5)


@pytest.mark.parametrize("classifier", REAL)
def test_the_same_seed_gives_the_same_bytes(make_case, settings, classifier, tmp_path):
    for name in ("one", "two"):
        trained = make_case(noise=4.0).train(classifier, settings)
        save_pipeline(trained.pipeline, tmp_path / f"{name}.skops")
        write_table(trained.predictions, tmp_path / f"{name}.parquet")
    for ending in ("skops", "parquet"):
        one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two


def test_another_seed_gives_another_forest(make_case, settings):
    case = make_case(noise=4.0)
    one, other = (
        case.train("random_forest", settings.model_copy(update={"seed": seed})).predictions
        for seed in (1, 2)
    )
    assert not one.equals(other)
