"""What the training stages left in models/, and the ensemble that can be made of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genre_pred.core.files import digest
from genre_pred.core.tables import PREDICTION_COLUMNS, read_table

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Model:
    """A trained model, an average of some, or one that the data could not carry.

    Attributes:
        name: As on the leaderboard: FEATURES/CLASSIFIER or finetune/NETWORK.
        approach: embedding, finetune, descriptors, ensemble or baseline.
        features: Its feature set, or None.
        network: Its network, or None.
        temperature: Of its calibration.
        weights: What its backbone started from; empty without one.
        files: What it needs to predict, by the name in a classifier's folder.
        predictions: Its table, or None where it could not be trained.
        identity: A digest of its predictions: the same training has the same.
        note: What a reader must know.
        command: What to type to see it in the leaderboard again.
        members: The models that it averages; none but for an ensemble.
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
    members: tuple["Model", ...] = ()

    @property
    def megabytes(self) -> float:
        """Size of all it needs to predict."""
        own = sum(path.stat().st_size for path in self.files.values() if path.is_file()) / 1e6
        return own + sum(member.megabytes for member in self.members)


def read_models(models: Path, data: Path) -> list[Model]:
    """Read what classical_train and finetune left.

    Args:
        models: The folder models/.
        data: The folder data/, for the backbones' weights.
    """
    return [*_classical(models, data), *_finetuned(models / "finetune")]


def read_histories(models: Path) -> dict[str, pd.DataFrame]:
    """The learning curves of each trained network: fold, epoch, split, accuracy, loss."""
    paths = sorted((models / "finetune").glob("*/history.csv"))
    return {path.parent.name: pd.read_csv(path) for path in paths}


def ensemble_of(members: Sequence[Model]) -> Model:
    """The mean of models' calibrated probabilities.

    Args:
        members: Two or more, with predictions of the same clips.
    """
    tables = [m.predictions.set_index("clip_id") for m in members if m.predictions is not None]
    genres = [str(name) for name in tables[0] if name not in PREDICTION_COLUMNS]
    mean = tables[0].copy()
    mean[genres] = sum(table.loc[mean.index, genres] for table in tables) / len(tables)
    notes = sorted({member.note for member in members if member.note})
    named = " + ".join(member.name for member in members)
    return Model(
        name=ENSEMBLE,
        approach=ENSEMBLE,
        features=None,
        network=None,
        temperature=1.0,
        weights=", ".join(sorted({member.weights for member in members if member.weights})),
        files={},
        predictions=mean.reset_index(),
        identity=hashlib.md5(" ".join(member.identity for member in members).encode()).hexdigest(),
        note="; ".join([f"mean of {named}", *notes]),
        command="dvc exp run",
        members=tuple(members),
    )


def _classical(models: Path, data: Path) -> list[Model]:
    found, folder = [], models / "classical"
    for row in pd.read_csv(folder / "models.csv", keep_default_na=False).to_dict("records"):
        features, classifier = str(row["features"]), str(row["classifier"])
        path = folder / features / f"{classifier}.skops"
        files, weights, note = {"pipeline.skops": path}, "", ""
        if row["kind"] == "embeddings":
            backbone = data / "embeddings" / str(row["origin"])
            files["network.safetensors"] = backbone.with_suffix(".safetensors")
            told = json.loads(backbone.with_suffix(".json").read_text())
            weights, note = told["weights"], told["note"]
        if row["kind"] == "finetuned":
            network = models / "finetune" / str(row["origin"])
            files["network.safetensors"] = network / "network.safetensors"
            told = json.loads((network / "network.json").read_text())
            weights, note = told["weights"], told["note"]
        trained, named = not row["reason"], str(row["model"])
        reads = named != classifier  # the majority class reads nothing of a clip
        note = "; ".join(filter(None, [note, str(row["note"])]))
        found.append(
            Model(
                name=named,
                approach=str(row["approach"]),
                features=features if reads else None,
                network=None,
                temperature=float(row["temperature"]) if trained else float("nan"),
                weights=weights,
                files=files,
                predictions=read_table(path.with_suffix(".parquet")) if trained else None,
                identity=digest(path.with_suffix(".parquet")) if trained else "",
                note=f"n/a: {row['reason']}" if row["reason"] else note,
                command=_command(features, classifier) if reads else "dvc exp run",
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
