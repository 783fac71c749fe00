"""Classifiers: the jobs of feature sets and classifiers, and their rows."""

import pickle

import numpy as np
import pandas as pd
import pytest

from genre_pred.core.errors import UserError
from genre_pred.core.tables import write_table
from genre_pred.training.classical.features import FEATURE_SETS
from genre_pred.training.classical.jobs import jobs, stored_table, train


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


def test_without_features_only_the_majority_class_is_trained(tmp_path, settings):
    (only,) = jobs(asking(settings, (), ("svc_rbf",)), tmp_path, CLIP_IDS)
    values, clip_ids = only.table()
    assert (only.features, values.shape, list(clip_ids)) == ("nothing", (96, 1), CLIP_IDS)


def test_a_rewritten_table_is_read_again(data):
    before = stored_table("mfcc", data)().values
    file = data / "descriptors" / "mfcc.parquet"
    table = pd.read_parquet(file)
    write_table(table.assign(mfcc_0=before[:, 0] + 1), file)
    after = stored_table("mfcc", data)().values
    np.testing.assert_array_equal(after[:, 0], before[:, 0] + 1)


def test_the_result_of_a_job_is_a_row(data, settings, make_case):
    case = make_case()
    made = jobs(asking(settings, ("mfcc",), ("svc_rbf",)), data, case.clip_ids)
    rows = [
        train(job, settings, case.clips, case.split, case.rounds, case.genres).summary()
        for job in made
    ]
    assert [row["model"] for row in rows] == ["mfcc/svc_rbf", "majority"]
    assert [row["approach"] for row in rows] == ["descriptors", "baseline"]
    assert rows[0].keys() == rows[1].keys()
    assert "seconds" not in rows[0]


@pytest.mark.parametrize(
    ("features", "classifiers", "said"),
    [
        (("mfc",), ("svc_rbf",), r"classical\.features names 'mfc'; known are .*mfcc"),
        (("vggish",), ("svc_rbf",), r"features vggish need vggish in .*embeddings"),
    ],
)
def test_unknown_or_missing_features_are_errors(data, settings, features, classifiers, said):
    with pytest.raises(UserError, match=said):
        jobs(asking(settings, features, classifiers), data, CLIP_IDS)


def test_every_feature_set_belongs_to_an_approach():
    assert {spec.approach for spec in FEATURE_SETS.values()} == {
        "embedding",
        "descriptors",
        "baseline",
    }
