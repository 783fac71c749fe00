"""Classifiers: predictions agree with probabilities, nobody predicts what it has learnt from."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from genre_pred import classical, kernel_svc
from genre_pred.classical import Job, Table, fit, jobs, stored_table, train, window_scores
from genre_pred.classifiers import CLASSIFIERS
from genre_pred.clips import write_table
from genre_pred.faults import Fault
from genre_pred.features import FEATURE_SETS, FeatureSet, flatten
from genre_pred.judge.calibration import softmax
from genre_pred.params import Split
from genre_pred.pipelines import save_pipeline
from genre_pred.split import rounds, split_clips

GENRES = ["a", "b", "c", "d"]
REAL = [name for name in CLASSIFIERS if name != "majority"]


@pytest.fixture
def settings(params):
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


@pytest.fixture
def make_case(make_clips):
    return lambda **options: Case(make_clips, **options)


@pytest.mark.parametrize("n_genres", [2, 4])
@pytest.mark.parametrize("classifier", list(CLASSIFIERS))
def test_the_genre_named_is_the_most_probable_one(make_case, settings, classifier, n_genres):
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
def test_what_is_told_apart_easily_is_learnt(make_case, settings, classifier, n_genres, folds):
    # A covariance for each genre needs clips, and what hardly varies in a genre is collinear.
    easy = {"noise": 0.6, "artists": 24} if classifier == "qda" else {}
    case = make_case(n_genres=n_genres, folds=folds, **easy)
    trained = case.train(classifier, settings)
    assert trained.reason == ""
    # AdaBoost's stumps part clips in two, and boosting ends before four genres are apart.
    enough = 0.4 if classifier == "adaboost" and n_genres > 2 else 0.95
    assert case.hits(trained.predictions).mean() > enough
    assert trained.seconds > 0 and trained.clip_seconds > 0


def test_the_table_of_predictions_holds_validation_and_test(make_case, settings):
    case = make_case()
    table = case.train("svc_rbf", settings).predictions
    assert list(table) == ["clip_id", "split", "fold", *case.genres]
    split = case.split.set_index("clip_id")
    assert set(table["clip_id"]) == set(split.index[split["split"] != "train"])
    assert table["split"].tolist() == split.loc[table["clip_id"], "split"].tolist()
    assert set(table["fold"]) == {-1}


def test_training_looks_at_the_training_clips_alone(make_case, settings, monkeypatch):
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


def test_the_test_clips_labels_do_not_matter(make_case, settings):
    case = make_case(noise=4.0)
    before = case.train("svc_rbf", settings)
    test = case.split.loc[case.split["split"] == "test", "clip_id"]
    turned = case.clips.copy()
    turned.loc[turned["clip_id"].isin(test), "genre"] = "a"
    after = case.train("svc_rbf", settings, clips=turned)
    pd.testing.assert_frame_equal(before.predictions, after.predictions)
    assert before.temperature == after.temperature


# folds


def test_no_fold_is_predicted_by_who_has_learnt_from_it(make_case, settings, monkeypatch):
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


# settings that the data cannot carry


@pytest.mark.parametrize("folds", [0, 3])
def test_more_components_than_clips_are_a_reason_and_no_prediction(make_case, settings, folds):
    case = make_case(folds=folds)
    trained = case.train("svc_rbf", settings.model_copy(update={"pca_components": 9}), pca=True)
    assert "classical.pca_components = 9" in trained.reason
    assert "of 8 features" in trained.reason
    assert (trained.pipeline, trained.predictions) == (None, None)
    assert trained.summary()["reason"] == trained.reason
    assert np.isnan(trained.summary()["temperature"])


def test_any_other_mistake_rises(make_case, settings):
    case = make_case()
    case.values[5, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        case.train("svc_rbf", settings)


# search, notes


SEARCH = {"knn": {"n_neighbors": (1, 5, 12)}}


@pytest.mark.parametrize("folds", [0, 3])
def test_what_a_search_chose_is_told(make_case, settings, folds):
    case = make_case(noise=4.0, folds=folds)
    trained = case.train("knn", settings.model_copy(update={"search": SEARCH}))
    chosen = trained.pipeline["classify"].n_neighbors
    assert chosen in (1, 5, 12)
    assert trained.summary()["chosen"] == f"n_neighbors={chosen}"
    assert case.train("svc_rbf", settings).summary()["chosen"] == ""


def test_a_search_sees_no_label_and_no_sound_of_who_is_held_out(make_case, settings):
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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("folds", [0, 3])
def test_who_does_not_converge_has_a_note(make_case, settings, folds):
    case = make_case(noise=4.0, folds=folds)
    assert case.train("mlp", settings).note == ""
    hasty = settings.model_copy(update={"mlp": settings.mlp.model_copy(update={"max_iter": 2})})
    trained = case.train("mlp", hasty)
    assert trained.summary()["note"] == "did not converge: raise classical.mlp.max_iter"
    assert trained.predictions is not None


def test_who_is_fitted_the_slow_way_has_a_note(make_case, settings, monkeypatch):
    case = make_case()
    assert case.train("svc_rbf", settings).note == ""
    monkeypatch.setattr(kernel_svc, "MOST_ROWS", 20)
    found = case.train("svc_rbf", settings).note
    assert found == "fitted the slow way, on more than 20 rows"


def test_naive_bayes_knows_more_than_0_and_1(make_case, settings):
    case = make_case()
    trained = case.train("naive_bayes", settings)
    scores = window_scores(trained.pipeline, case.values * 3)
    exact = trained.pipeline.predict_log_proba(case.values * 3)
    assert exact.min() < np.log(1e-12) * 2
    np.testing.assert_allclose(scores * 8, exact)  # of 8 features


# windows, the floor, seeds


def test_windows_of_a_clip_are_averaged(make_case, settings):
    case = make_case(noise=4.0, windows=3)
    trained = case.train("logistic_regression", settings)
    assert trained.predictions["clip_id"].is_unique
    clip_id = trained.predictions["clip_id"].iloc[0]
    scores = window_scores(trained.pipeline, case.values[case.clip_ids == clip_id])
    mean = np.log(softmax(scores)).mean(axis=0, keepdims=True)
    found = trained.predictions[case.genres].to_numpy()[0]
    np.testing.assert_allclose(found, softmax(mean, trained.temperature)[0], rtol=1e-9)


def test_the_majority_names_the_most_frequent_genre_whatever_it_hears(make_case, settings):
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


# jobs


@pytest.fixture
def data(tmp_path, make_case):
    case = make_case()
    index = pd.DataFrame({"clip_id": case.clip_ids, "window": 0})
    described = pd.DataFrame(case.values, columns=[f"mfcc_{i}" for i in range(8)])
    write_table(index.join(described), tmp_path / "descriptors" / "mfcc.parquet")
    return tmp_path


def asking(settings, features, classifiers):
    return settings.model_copy(update={"features": features, "classifiers": classifiers})


CLIP_IDS = [f"c{n}" for n in range(96)]


def test_every_classifier_meets_every_feature_set_and_the_majority_is_there(data, settings):
    made = jobs(asking(settings, ("mfcc",), ("svc_rbf", "xgboost")), data, CLIP_IDS)
    assert [(job.features, job.classifier) for job in made] == [
        ("mfcc", "svc_rbf"), ("mfcc", "xgboost"), ("nothing", "majority")
    ]  # fmt: skip
    assert made[0].table().values.shape == (96, 8)
    assert made[2].table().values.shape == (96, 1)
    assert made[0].table() is made[1].table()  # read once
    assert len(pickle.dumps(made[0])) < 2000


def test_without_features_the_majority_stands_alone(tmp_path, settings):
    (only,) = jobs(asking(settings, (), ("svc_rbf",)), tmp_path, CLIP_IDS)
    values, clip_ids = only.table()
    assert (only.features, values.shape, list(clip_ids)) == ("nothing", (96, 1), CLIP_IDS)


def test_a_table_that_was_written_anew_is_read_anew(data):
    before = stored_table("mfcc", data)().values
    file = data / "descriptors" / "mfcc.parquet"
    table = pd.read_parquet(file)
    write_table(table.assign(mfcc_0=before[:, 0] + 1), file)
    after = stored_table("mfcc", data)().values
    np.testing.assert_array_equal(after[:, 0], before[:, 0] + 1)


def test_what_became_of_a_job_is_a_row(data, settings, make_case):
    case = make_case()
    made = jobs(asking(settings, ("mfcc",), ("svc_rbf",)), data, case.clip_ids)
    rows = [
        train(job, settings, case.clips, case.split, case.rounds, case.genres).summary()
        for job in made
    ]
    assert [row["model"] for row in rows] == ["mfcc/svc_rbf", "majority"]
    assert [row["approach"] for row in rows] == ["descriptors", "floor"]
    assert rows[0].keys() == rows[1].keys()
    assert "seconds" not in rows[0]


@pytest.mark.parametrize(
    ("features", "classifiers", "said"),
    [
        (("mfc",), ("svc_rbf",), r"classical\.features names 'mfc'; known are .*mfcc"),
        (("vggish",), ("svc_rbf",), r"features vggish need vggish in .*embeddings"),
    ],
)
def test_what_is_unknown_or_was_not_computed_is_a_fault(
    data, settings, features, classifiers, said
):
    with pytest.raises(Fault, match=said):
        jobs(asking(settings, features, classifiers), data, CLIP_IDS)


def test_every_feature_set_belongs_to_an_approach():
    assert {spec.approach for spec in FEATURE_SETS.values()} == {
        "embedding",
        "descriptors",
        "floor",
    }
