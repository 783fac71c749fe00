"""The result of fine-tuning: the network, its predictions and its learning curves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from genre_pred.core.files import atomic_write
from genre_pred.core.tables import write_table
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.training.finetuning.loop import Training


@dataclass(frozen=True)
class Finetuned:
    """A fine-tuned network with its temperature, predictions and learning curves.

    Attributes:
        seconds: Training time, including the finished epochs of earlier, killed runs.
        represented: (n_rows, size) the head's input for every row of the store, if
            `finetune.embed` is set.
    """

    name: str
    net: GenreNet
    weights: str
    note: str
    best_epoch: int
    temperature: float
    predictions: pd.DataFrame
    history: pd.DataFrame
    seconds: float
    represented: np.ndarray | None = None

    def summary(self) -> dict[str, object]:
        """The content of network.json."""
        return {
            "network": self.name,
            "weights": self.weights,
            "note": self.note,
            "best_epoch": self.best_epoch,
            "temperature": self.temperature,
        }


def write_finetuned(trained: Finetuned, folder: Path, index: pd.DataFrame, features: Path) -> None:
    """Write network.safetensors, predictions.parquet, history.csv and network.json.

    Args:
        trained: The network.
        folder: The folder of these files.
        index: clip_id and window of each row of its patch store.
        features: The folder for NAME.npy and NAME.parquet, if `finetune.embed` is set.
    """
    with atomic_write(folder / "network.safetensors") as temporary:
        save_file(trained.net.state_dict(), temporary)
    write_table(trained.predictions, folder / "predictions.parquet")
    write_table(trained.history, folder / "history.csv")
    with atomic_write(folder / "network.json") as temporary:
        temporary.write_text(json.dumps(trained.summary(), indent=2) + "\n")
    if trained.represented is not None:
        with atomic_write(features / f"{trained.name}.npy") as temporary:
            np.save(temporary, trained.represented)
        write_table(index, features / f"{trained.name}.parquet")


def history_table(rounds: Mapping[int, Training]) -> pd.DataFrame:
    """The learning curves of all rounds: fold, epoch, split, accuracy, loss."""
    return pd.DataFrame(
        [
            {
                "fold": fold,
                "epoch": int(row["epoch"]),
                "split": split,
                "accuracy": row[f"{split}_accuracy"],
                "loss": row[f"{split}_loss"],
            }
            for fold, training in rounds.items()
            for row in training.history
            for split in ("train", "validation")
            if f"{split}_loss" in row
        ]
    )
