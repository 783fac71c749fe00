"""Published accuracies, each with its protocol."""

import pytest

from genre_pred.evaluation.comparison.published import published_on


def test_the_best_published_figure_comes_first():
    found = published_on("fma-small")
    assert found["accuracy"].is_monotonic_decreasing
    best = found[found["by"] == "S1 Genre_Pred"].iloc[0]
    assert (best["model"], best["accuracy"]) == ("vggish_pca/svc_rbf", 56.75)


@pytest.mark.parametrize("collection", ["fma-small", "gtzan"])
def test_every_figure_has_its_protocol_and_its_source(collection):
    found = published_on(collection)
    assert (found["protocol"] != "").all()
    assert (found["by"] != "").all()
    assert found["accuracy"].between(0, 100).all()
    assert not found.duplicated(["model", "by", "protocol"]).any()


def test_figures_stand_under_the_name_of_what_was_measured():
    found = published_on("fma-small").set_index("model")["accuracy"]
    assert found["fma_mfcc/svc_rbf"] == 46.38  # S1's 140 MFCCs are FMA's, not those of the set mfcc
    assert found["one of six image networks"] == 44.4  # S2 does not say which
    assert not found.index.str.startswith(("mfcc/", "finetune/resnet")).any()


def test_a_user_s_collection_has_no_published_figures():
    assert published_on("my-music").empty
