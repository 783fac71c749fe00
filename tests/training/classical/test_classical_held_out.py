"""Classifiers: no model predicts its own training clips."""

import numpy as np
import pandas as pd
import pytest
from classical_case import REAL

from genre_pred.training.classical import jobs as classical


def test_the_table_of_predictions_holds_validation_and_test(make_case, settings):
    case = make_case()
    table = case.train("svc_rbf", settings).predictions
    assert list(table) == ["clip_id", "split", "fold", *case.genres]
    split = case.split.set_index("clip_id")
    assert set(table["clip_id"]) == set(split.index[split["split"] != "train"])
    assert table["split"].tolist() == split.loc[table["clip_id"], "split"].tolist()
    assert set(table["fold"]) == {-1}


def test_training_uses_only_training_clips(make_case, settings, monkeypatch):
    case, seen = make_case(), spy_on_fit(monkeypatch)
    case.train("svc_rbf", settings)
    assert seen == [set(case.rounds[0].train)]


def spy_on_fit(monkeypatch):
    seen, really = [], classical.fit

    def spy(job, settings, targets, clip_ids, clips):
        seen.append(set(clip_ids))
        return really(job, settings, targets, clip_ids, clips)

    monkeypatch.setattr(classical, "fit", spy)
    return seen


def test_the_test_clips_labels_do_not_matter(make_case, settings):
    case = make_case(noise=4.0)
    before = case.train("svc_rbf", settings)
    test = case.split.loc[case.split["split"] == "test", "clip_id"]
    turned = case.clips.copy()
    turned.loc[turned["clip_id"].isin(test), "genre"] = "a"
    after = case.train("svc_rbf", settings, clips=turned)
    pd.testing.assert_frame_equal(before.predictions, after.predictions)
    assert before.temperature == after.temperature


def test_no_fold_is_predicted_by_a_model_trained_on_it(make_case, settings, monkeypatch):
    case, seen = make_case(folds=3), spy_on_fit(monkeypatch)
    table = case.train("svc_rbf", settings).predictions
    assert sorted(table["clip_id"]) == sorted(case.clips["clip_id"])
    assert len(seen) == 4
    artist = case.clips.set_index("clip_id")["artist"]
    for fold, learnt in enumerate(seen[:3]):
        predicted = set(table.loc[table["fold"] == fold, "clip_id"])
        assert predicted | learnt == set(case.clips["clip_id"])
        assert not set(artist[list(predicted)]) & set(artist[list(learnt)])
    assert seen[3] == set(case.clips["clip_id"])  # what is kept learns from all


@pytest.mark.parametrize("classifier", REAL)
def test_a_clip_s_own_label_does_not_reach_its_prediction(make_case, settings, classifier):
    case = make_case(noise=4.0, folds=3)
    clip_id = case.split.loc[case.split["fold"] == 1, "clip_id"].iloc[0]
    turned = case.clips.copy()
    turned.loc[turned["clip_id"] == clip_id, "genre"] = "d"
    assert case.truth[clip_id] != "d"
    tables = [
        case.train(classifier, settings, clips=clips).predictions.set_index("clip_id")
        for clips in (case.clips, turned)
    ]
    # The temperature of its fold comes from the other folds, which may learn from it: a change
    # of temperature stretches all log-odds alike.
    fold = tables[0].index[tables[0]["fold"] == 1]
    odds = [np.log(t.loc[fold, case.genres].to_numpy()) for t in tables]
    odds = [o - o.mean(axis=1, keepdims=True) for o in odds]
    stretch = np.linalg.norm(odds[1]) / np.linalg.norm(odds[0])
    np.testing.assert_allclose(odds[0] * stretch, odds[1], rtol=1e-6, atol=1e-9)
    others = [t.drop(index=fold)[case.genres].to_numpy() for t in tables]
    assert not np.allclose(others[0], others[1], rtol=1e-3)


def test_a_search_uses_no_held_out_clips(make_case, settings):
    case = make_case(noise=4.0)
    tuned = settings.model_copy(update={"search": {"svc_rbf": {"C": (0.01, 1, 100)}}})
    before = case.train("svc_rbf", tuned)
    held_out = ~np.isin(case.clip_ids, case.rounds[0].train)
    case.values[held_out] = 0
    case.clips.loc[~case.clips["clip_id"].isin(case.rounds[0].train), "genre"] = "a"
    after = case.train("svc_rbf", tuned)
    assert before.chosen == after.chosen
    for one, other in ((before, after), (after, before)):
        np.testing.assert_array_equal(
            one.pipeline["classify"].machine_.dual_coef_,
            other.pipeline["classify"].machine_.dual_coef_,
        )
