"""The trained models in models/, and their ensemble."""

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
    """A trained model, an ensemble, or a model that could not be trained on these data.

    Attributes:
        name: The name on the leaderboard: FEATURES/CLASSIFIER or finetune/NETWORK.
        approach: embedding, finetune, descriptors, ensemble or baseline.
        features: Its feature set, or None.
        network: Its network, or None.
        temperature: The temperature of its calibration.
        weights: The initial weights of its backbone; empty without a backbone.
        files: The files that it needs to predict, by their name in a classifier's folder.
        predictions: Its predictions, or None if it could not be trained.
        identity: A digest of its predictions; equal trainings have equal digests.
        note: A remark for the reader.
        command: The command that trains it again.
        members: The models that an ensemble averages; empty for others.
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
        """Size of all files that it needs to predict."""
        own = sum(path.stat().st_size for path in self.files.values() if path.is_file()) / 1e6
        return own + sum(member.megabytes for member in self.members)


def read_models(models: Path, data: Path) -> list[Model]:
    """Read the models of classical_train and finetune.

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
    """Average the calibrated probabilities of several models.

    Args:
        members: Two or more, with predictions of the same clips.
    """
    tables = [m.predictions.set_index("clip_id") for m in members if m.predictions is not None]
    genres = [str(name) for name in tables[0] if name not in PREDICTION_COLUMNS]
    mean = tables[0].copy()
    mean[genres] = sum(table.loc[mean.index, genres] for table in tables) / len(tables)
    notes = sorted({member.note for member in members if member.note})
    names = " + ".join(member.name for member in members)
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
        note="; ".join([f"mean of {names}", *notes]),
        command="dvc exp run",
        members=tuple(members),
    )


def _classical(models: Path, data: Path) -> list[Model]:
    listed, folder = [], models / "classical"
    for row in pd.read_csv(folder / "models.csv", keep_default_na=False).to_dict("records"):
        features, classifier = str(row["features"]), str(row["classifier"])
        path = folder / features / f"{classifier}.skops"
        files, weights, note = {"pipeline.skops": path}, "", ""
        if row["kind"] == "embeddings":
            backbone = data / "embeddings" / str(row["origin"])
            files["network.safetensors"] = backbone.with_suffix(".safetensors")
            summary = json.loads(backbone.with_suffix(".json").read_text())
            weights, note = summary["weights"], summary["note"]
        if row["kind"] == "finetuned":
            network = models / "finetune" / str(row["origin"])
            files["network.safetensors"] = network / "network.safetensors"
            summary = json.loads((network / "network.json").read_text())
            weights, note = summary["weights"], summary["note"]
        trained, name = not row["reason"], str(row["model"])
        has_features = name != classifier  # the majority class has none
        note = "; ".join(filter(None, [note, str(row["note"])]))
        listed.append(
            Model(
                name=name,
                approach=str(row["approach"]),
                features=features if has_features else None,
                network=None,
                temperature=float(row["temperature"]) if trained else float("nan"),
                weights=weights,
                files=files,
                predictions=read_table(path.with_suffix(".parquet")) if trained else None,
                identity=digest(path.with_suffix(".parquet")) if trained else "",
                note=f"n/a: {row['reason']}" if row["reason"] else note,
                command=_command(features, classifier) if has_features else "dvc exp run",
            )
        )
    return listed


def _finetuned(folder: Path) -> list[Model]:
    listed = []
    for path in sorted(folder.glob("*/network.json")):
        summary = json.loads(path.read_text())
        listed.append(
            Model(
                name=f"finetune/{summary['network']}",
                approach="finetune",
                features=None,
                network=summary["network"],
                temperature=summary["temperature"],
                weights=summary["weights"],
                files={"network.safetensors": path.with_name("network.safetensors")},
                predictions=read_table(path.with_name("predictions.parquet")),
                identity=digest(path.with_name("predictions.parquet")),
                note=summary["note"],
                command=f"dvc exp run -S 'finetune.networks=[{summary['network']}]'",
            )
        )
    return listed


def _command(features: str, classifier: str) -> str:
    only = f"-S 'classical.features=[{features}]' -S 'classical.classifiers=[{classifier}]'"
    return f"dvc exp run {only}"
