"""The classifiers by name: each with its own settings and seed."""

import pytest

from genre_pred.config.params import Section
from genre_pred.training.classical.classifiers import CLASSIFIERS

REAL = [name for name in CLASSIFIERS if name != "majority"]


def test_every_classifier_has_its_settings_and_the_reverse(params):
    sections = {name for name, part in params.classical if isinstance(part, Section)}
    assert sections == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_settings_and_seed_reach_the_classifier(params, name):
    settings = params.classical.model_copy(update={"seed": 77})
    made = CLASSIFIERS[name](settings).get_params()
    section = getattr(settings, name).model_dump()
    assert {key: made[key] for key in section} == section
    if "random_state" in made and name not in ("svc_rbf", "svc_poly", "svc_linear"):
        # Support vectors and lbfgs draw no numbers.
        assert made["random_state"] == (None if name == "logistic_regression" else 77)


def test_the_settings_of_earlier_work(params):
    settings = params.classical
    assert settings.svc_poly.degree == 1
    assert settings.decision_tree.max_depth == 5
    assert settings.mlp.hidden_layer_sizes == (100,)
    assert settings.mlp_deep.hidden_layer_sizes == (200, 50)
    assert settings.mlp.max_iter == settings.mlp_deep.max_iter == 2000
    assert settings.extra_trees.n_estimators == 500
    kernels = {
        name: CLASSIFIERS[name](settings).kernel for name in ("svc_rbf", "svc_poly", "svc_linear")
    }
    assert kernels == {"svc_rbf": "rbf", "svc_poly": "poly", "svc_linear": "linear"}
