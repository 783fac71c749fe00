"""Classifiers: chosen settings, notes and reasons."""

import numpy as np
import pytest

from genre_pred.training.classical import kernel_svc


@pytest.mark.parametrize("folds", [0, 3])
def test_more_components_than_clips_are_a_reason_and_no_prediction(make_case, settings, folds):
    case = make_case(folds=folds)
    trained = case.train("svc_rbf", settings.model_copy(update={"pca_components": 9}), pca=True)
    assert "classical.pca_components = 9" in trained.reason
    assert "of 8 features" in trained.reason
    assert (trained.pipeline, trained.predictions) == (None, None)
    assert trained.summary()["reason"] == trained.reason
    assert np.isnan(trained.summary()["temperature"])


def test_other_exceptions_are_not_caught(make_case, settings):
    case = make_case()
    case.values[5, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        case.train("svc_rbf", settings)


SEARCH = {"knn": {"n_neighbors": (1, 5, 12)}}


@pytest.mark.parametrize("folds", [0, 3])
def test_the_chosen_settings_are_reported(make_case, settings, folds):
    case = make_case(noise=4.0, folds=folds)
    trained = case.train("knn", settings.model_copy(update={"search": SEARCH}))
    chosen = trained.pipeline["classify"].n_neighbors
    assert chosen in (1, 5, 12)
    assert trained.summary()["chosen"] == f"n_neighbors={chosen}"
    assert case.train("svc_rbf", settings).summary()["chosen"] == ""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("folds", [0, 3])
def test_missing_convergence_is_noted(make_case, settings, folds):
    case = make_case(noise=4.0, folds=folds)
    assert case.train("mlp", settings).note == ""
    hasty = settings.model_copy(update={"mlp": settings.mlp.model_copy(update={"max_iter": 2})})
    trained = case.train("mlp", hasty)
    assert trained.summary()["note"] == "did not converge: raise classical.mlp.max_iter"
    assert trained.predictions is not None


def test_a_slow_fit_is_noted(make_case, settings, monkeypatch):
    case = make_case()
    assert case.train("svc_rbf", settings).note == ""
    monkeypatch.setattr(kernel_svc, "MOST_ROWS", 20)
    found = case.train("svc_rbf", settings).note
    assert found == "fitted the slow way, on more than 20 rows"
