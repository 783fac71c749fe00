"""The settings of a training that is too small to be slow."""

from pathlib import Path

from genre_pred.config.params import read_params

PARAMS = read_params(Path(__file__).parents[1] / "params.yaml")
SETTINGS = PARAMS.finetune.model_copy(update={
    "networks": ("small",),
    "trainable": "fc", "hidden": 8, "optimizer": "adam", "learning_rate": 3e-3,
    "weight_decay": 0.0, "batch_size": 4, "epochs": 6, "patience": 10, "spec_augment": 0.0,
    "precision": "float32", "device": "cpu", "seed": 1,
})  # fmt: skip
START = PARAMS.weights.model_copy(update={"seed": 3})  # random throughout
