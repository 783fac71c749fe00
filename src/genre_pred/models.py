"""What the training stages left in models/: each model's name, files and predictions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genre_pred.clips import read_table
from genre_pred.features import FEATURE_SETS
from genre_pred.files import digest


@dataclass(frozen=True)
class Model:
    """A trained model, or one that the data could not carry.

    Attributes:
        name: As on the leaderboard: FEATURES/CLASSIFIER or finetune/NETWORK.
        approach: embedding, finetune, descriptors or floor.
        features: Its feature set, or None.
        network: Its network, or None.
        temperature: Of its calibration.
        weights: What its backbone started from; empty without one.
        files: What it needs to predict, by the name in a classifier's folder.
        predictions: Its table, or None where it could not be trained.
        identity: A digest of its predictions: the same training has the same.
        note: What a reader must know.
        command: What to type to see it in the leaderboard again.
    """

    name: str
    approach: str
    features: str | None
    network: str | None
    temperature: float
    weights: str
    files: Mapping[str, Path]
    predictions: pd.DataFrame | None
    identity: str
    note: str
    command: str

    @property
    def megabytes(self) -> float:
        """Size of all it needs to predict."""
        return sum(path.stat().st_size for path in self.files.values() if path.is_file()) / 1e6


def read_models(models: Path, data: Path) -> list[Model]:
    """Read what classical_train and finetune left.

    Args:
        models: The folder models/.
        data: The folder data/, for the backbones' weights.
    """
    return [*_classical(models / "classical", data), *_finetuned(models / "finetune")]


def _classical(folder: Path, data: Path) -> list[Model]:
    found = []
    for row in pd.read_csv(folder / "models.csv", keep_default_na=False).to_dict("records"):
        features, classifier = str(row["features"]), str(row["classifier"])
        path = folder / features / f"{classifier}.skops"
        files, weights, note = {"pipeline.skops": path}, "", ""
        spec = FEATURE_SETS.get(features)
        if spec and spec.kind == "embeddings":
            backbone = data / "embeddings" / spec.origin
            files["network.safetensors"] = backbone.with_suffix(".safetensors")
            told = json.loads(backbone.with_suffix(".json").read_text())
            weights, note = told["weights"], told["note"]
        trained = not row["reason"]
        found.append(
            Model(
                name=str(row["model"]) if spec else classifier,
                approach=str(row["approach"]),
                features=features if spec else None,
                network=None,
                temperature=float(row["temperature"]) if trained else float("nan"),
                weights=weights,
                files=files,
                predictions=read_table(path.with_suffix(".parquet")) if trained else None,
                identity=digest(path.with_suffix(".parquet")) if trained else "",
                note=f"n/a: {row['reason']}" if row["reason"] else note,
                command=_command(features, classifier) if spec else "dvc exp run",
            )
        )
    return found


def _finetuned(folder: Path) -> list[Model]:
    found = []
    for path in sorted(folder.glob("*/network.json")):
        told = json.loads(path.read_text())
        found.append(
            Model(
                name=f"finetune/{told['network']}",
                approach="finetune",
                features=None,
                network=told["network"],
                temperature=told["temperature"],
                weights=told["weights"],
                files={"network.safetensors": path.with_name("network.safetensors")},
                predictions=read_table(path.with_name("predictions.parquet")),
                identity=digest(path.with_name("predictions.parquet")),
                note=told["note"],
                command=f"dvc exp run -S 'finetune.networks=[{told['network']}]'",
            )
        )
    return found


def _command(features: str, classifier: str) -> str:
    only = f"-S 'classical.features=[{features}]' -S 'classical.classifiers=[{classifier}]'"
    return f"dvc exp run {only}"
