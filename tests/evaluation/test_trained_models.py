"""Trained models read from their folders: names, files, predictions, reasons."""

import json

import pandas as pd
import pytest

from genre_pred.core.tables import write_table
from genre_pred.evaluation.scoring.trained_models import read_models

PREDICTIONS = pd.DataFrame(
    {"clip_id": ["a", "b"], "split": ["validation", "test"], "fold": -1, "x": [0.9, 0.2]}
).assign(y=lambda table: 1 - table["x"])


@pytest.fixture
def left(tmp_path):
    """A folder models/ and a folder data/, as the stages leave them."""
    models, data = tmp_path / "models", tmp_path / "data"
    rows = [
        ("vggish_stats", "svc_rbf", "embedding", 1.5, ""),
        ("vggish_pca", "svc_rbf", "embedding", float("nan"), "pca_components = 128 is more, alas"),
        ("mfcc", "xgboost", "descriptors", 0.7, ""),
        ("nothing", "majority", "baseline", 1.0, ""),
    ]
    columns = ["features", "classifier", "approach", "temperature", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    table["note"] = table["features"].map({"mfcc": "did not converge"}).fillna("")
    named = table["features"] + "/" + table["classifier"]
    table.insert(0, "model", named.replace("nothing/majority", "majority"))
    kinds = {"vggish_stats": "embeddings", "vggish_pca": "embeddings", "mfcc": "descriptors"}
    table["kind"] = table["features"].map(kinds).fillna("mel")
    table["origin"] = "vggish"
    write_table(table, models / "classical" / "models.csv")
    for shift, (features, classifier, *_, reason) in enumerate(rows):
        if not reason:
            path = models / "classical" / features / f"{classifier}.parquet"
            write_table(PREDICTIONS.assign(x=shift / 10, y=1 - shift / 10), path)
            path.with_suffix(".skops").write_bytes(b"x" * 1_000_000)
    (data / "embeddings").mkdir(parents=True)
    (data / "embeddings" / "vggish.safetensors").write_bytes(b"x" * 2_000_000)
    told = {"weights": "sha256:1234", "note": "untrained"}
    (data / "embeddings" / "vggish.json").write_text(json.dumps(told))
    network = models / "finetune" / "vggish"
    write_table(PREDICTIONS, network / "predictions.parquet")
    (network / "network.safetensors").write_bytes(b"x" * 3_000_000)
    told = {"network": "vggish", "temperature": 1.2, "weights": "sha256:5", "note": "from scratch"}
    (network / "network.json").write_text(json.dumps(told))
    return models, data


def test_every_model_is_found_under_its_name(left):
    found = {model.name: model for model in read_models(*left)}
    assert {name: model.approach for name, model in found.items()} == {
        "vggish_stats/svc_rbf": "embedding",
        "vggish_pca/svc_rbf": "embedding",
        "mfcc/xgboost": "descriptors",
        "majority": "baseline",
        "finetune/vggish": "finetune",
    }
    assert {name: model.features for name, model in found.items() if model.features} == {
        "vggish_stats/svc_rbf": "vggish_stats",
        "vggish_pca/svc_rbf": "vggish_pca",
        "mfcc/xgboost": "mfcc",
    }
    assert found["finetune/vggish"].network == "vggish"
    assert found["mfcc/xgboost"].temperature == 0.7
    assert found["finetune/vggish"].temperature == 1.2


def test_a_model_on_embeddings_needs_its_backbone_and_says_its_weights(left):
    found = {model.name: model for model in read_models(*left)}
    embedding, descriptors = found["vggish_stats/svc_rbf"], found["mfcc/xgboost"]
    assert set(embedding.files) == {"pipeline.skops", "network.safetensors"}
    assert set(descriptors.files) == {"pipeline.skops"}
    assert all(path.is_file() for path in embedding.files.values())
    assert (embedding.megabytes, descriptors.megabytes) == (3.0, 1.0)
    assert found["finetune/vggish"].megabytes == 3.0
    assert (embedding.weights, embedding.note) == ("sha256:1234", "untrained")
    assert (descriptors.weights, descriptors.note) == ("", "did not converge")
    assert found["finetune/vggish"].note == "from scratch"


def test_what_could_not_be_trained_keeps_its_reason(left):
    found = {model.name: model for model in read_models(*left)}
    absent = found["vggish_pca/svc_rbf"]
    assert absent.note == "n/a: pca_components = 128 is more, alas"
    assert (absent.predictions, absent.identity) == (None, "")


def test_predictions_are_those_of_the_model(left):
    found = {model.name: model for model in read_models(*left)}
    assert found["mfcc/xgboost"].predictions["x"].tolist() == [0.2, 0.2]
    pd.testing.assert_frame_equal(found["finetune/vggish"].predictions, PREDICTIONS)


def test_the_same_predictions_have_the_same_identity_and_others_another(left):
    models, data = left
    identities = [model.identity for model in read_models(models, data) if model.identity]
    assert len(set(identities)) == 4
    path = models / "finetune" / "vggish" / "predictions.parquet"
    write_table(PREDICTIONS, path)
    assert [m.identity for m in read_models(models, data) if m.identity] == identities
    write_table(PREDICTIONS.assign(x=[0.8, 0.2], y=[0.2, 0.8]), path)
    assert read_models(models, data)[-1].identity != identities[-1]


def test_a_model_tells_how_to_train_it_alone(left):
    found = {model.name: model for model in read_models(*left)}
    assert found["mfcc/xgboost"].command == (
        "dvc exp run -S 'classical.features=[mfcc]' -S 'classical.classifiers=[xgboost]'"
    )
    assert found["finetune/vggish"].command == "dvc exp run -S 'finetune.networks=[vggish]'"
    assert found["majority"].command == "dvc exp run"


def test_without_fine_tuned_networks_there_are_the_classical_models(left):
    models, data = left
    (models / "finetune" / "vggish" / "network.json").unlink()
    assert len(read_models(models, data)) == 4
