"""Pipelines on disk: reproducible bytes, no pickle."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException

from genre_pred.config.params import read_params
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.jobs import window_scores
from genre_pred.training.classical.pipelines import load_pipeline, save_pipeline

NAMES = [*CLASSIFIERS, "pca"]
SETTINGS = read_params(Path(__file__).parents[2] / "params.yaml").classical
FEW = {"n_estimators": 5}
BRIEF = {"max_iter": 20}
LESS = {"random_forest": FEW, "extra_trees": FEW, "adaboost": FEW, "xgboost": FEW}
LESS |= {"mlp": BRIEF, "mlp_deep": BRIEF}
SETTINGS = SETTINGS.model_copy(
    update={name: getattr(SETTINGS, name).model_copy(update=less) for name, less in LESS.items()}
)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def values_and_targets():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((150, 8)).astype(np.float32)
    return values, (values[:, 0] > 0).astype(int) + (values[:, 1] > 0.5)


def fitted(name):
    steps = [("vary", VarianceThreshold()), ("scale", StandardScaler())]
    if name == "pca":
        steps.append(("pca", PCA(4, random_state=254)))
    steps.append(("classify", CLASSIFIERS["svc_rbf" if name == "pca" else name](SETTINGS)))
    return Pipeline(steps).fit(*values_and_targets())


def save_all(folder):
    for name in NAMES:
        save_pipeline(fitted(name), folder / f"{name}.skops")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save_all(folder)
    return folder


@pytest.fixture(scope="module")
def saved_elsewhere(tmp_path_factory):
    """The same, fitted and saved by another process, where strings hash differently."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run(
        [sys.executable, __file__, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": "123"},
        check=True,
    )
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pipeline_gives_the_same_bytes(name, saved, tmp_path):
    pipeline = fitted(name)
    for path in (tmp_path / "one.skops", tmp_path / "two.skops"):
        save_pipeline(pipeline, path)
        assert path.read_bytes() == (saved / f"{name}.skops").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_another_process_gives_the_same_bytes(name, saved, saved_elsewhere):
    one, other = (folder / f"{name}.skops" for folder in (saved, saved_elsewhere))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_that_a_worker_sent_gives_the_same_bytes(name, saved, tmp_path):
    save_pipeline(pickle.loads(pickle.dumps(fitted(name))), tmp_path / "sent.skops")
    assert (tmp_path / "sent.skops").read_bytes() == (saved / f"{name}.skops").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_pipeline_predicts_as_the_one_that_was_saved(name, saved):
    values, targets = values_and_targets()
    before, after = fitted(name), load_pipeline(saved / f"{name}.skops")
    np.testing.assert_array_equal(before.predict(values), after.predict(values))
    np.testing.assert_array_equal(window_scores(before, values), window_scores(after, values))
    assert name == "majority" or (after.predict(values) == targets).mean() > 0.6


def test_another_pipeline_gives_other_bytes(saved, tmp_path):
    values, targets = values_and_targets()
    save_pipeline(fitted("svc_rbf").fit(values, targets[::-1]), tmp_path / "other.skops")
    assert (tmp_path / "other.skops").read_bytes() != (saved / "svc_rbf.skops").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_loading_unpickles_nothing(name, saved, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    for door in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
        monkeypatch.setattr(pickle, door, refuse)
    values, _ = values_and_targets()
    assert len(load_pipeline(saved / f"{name}.skops").predict(values)) == len(values)
    with zipfile.ZipFile(saved / f"{name}.skops") as archive:
        kinds = {Path(member).suffix for member in archive.namelist()}
    assert kinds <= {".json", ".npy", ".bin"}


def test_a_type_that_is_not_trusted_is_refused(tmp_path):
    path = tmp_path / "evil.skops"
    save_pipeline(Pipeline([("run", FunctionTransformer(os.system))]), path)
    with pytest.raises(UntrustedTypesFoundException, match="system"):
        load_pipeline(path)


def test_a_failure_leaves_the_old_file(saved, tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    path.write_bytes((saved / "pca.skops").read_bytes())

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("genre_pred.training.classical.pipelines._numbered", fail)
    with pytest.raises(OSError, match="disk full"):
        save_pipeline(fitted("pca"), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == (saved / "pca.skops").read_bytes()


if __name__ == "__main__":
    save_all(Path(sys.argv[1]))
