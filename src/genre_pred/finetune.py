"""The training loop: networks trained on stored patches, the best epoch kept.

A checkpoint is written after every epoch; a training that was killed goes on from there and ends
with the same weights as one that was not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from genre_pred.audio.patches import PatchStore
from genre_pred.clips import VALIDATION, genres_of, predictions_table
from genre_pred.files import written_whole
from genre_pred.judge.calibration import (
    cross_fitted_probabilities,
    fit_temperature,
    softmax,
)
from genre_pred.nets.patch_net import PatchNet
from genre_pred.nets.precision import DTYPES
from genre_pred.nets.torch_libraries import torchaudio_transforms
from genre_pred.nets.weights import load_weights, note_on
from genre_pred.params import Finetune
from genre_pred.scores import windows_to_clips
from genre_pred.split import Round

OnEpoch = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Network:
    """A network that can be trained.

    Attributes:
        front_end: What makes its patches.
        backbone: The name of its weights.
        build: Makes it from n_patches, hidden and n_genres.
    """

    front_end: str
    backbone: str
    build: Callable[[int, int, int], PatchNet]


NETWORKS = {"vggish": Network("vggish", "vggish", PatchNet)}


@dataclass(frozen=True)
class Examples:
    """Windows of clips with their genres.

    Attributes:
        patches: (n_rows, n_patches, frames, n_mels), perhaps memory-mapped; once the frozen part
            of a network has run, what it gave.
        clip_ids: (n_rows,).
        targets: (n_rows,) int.
    """

    patches: np.ndarray = field(repr=False)
    clip_ids: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)

    def rows_of(self, clip_ids: Sequence[str]) -> np.ndarray:
        """The rows of these clips."""
        return np.flatnonzero(np.isin(self.clip_ids, list(clip_ids)))


@dataclass
class Training:
    """How far a training is: what a checkpoint holds."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: tuple[float, float] = (-math.inf, -math.inf)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Starting:
    """The weights that a backbone starts from: as `embed.weights` and `embed.seed` say."""

    weights: str
    seed: int


def build_network(
    name: str, n_patches: int, n_genres: int, settings: Finetune, start: Starting
) -> tuple[PatchNet, str]:
    """Build a network: its backbone with pretrained (or random) weights, its head drawn by seed.

    Returns:
        The network, and a line that says which weights its backbone has.
    """
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = NETWORKS[name].build(n_patches, settings.hidden, n_genres)
    return net, load_weights(net.backbone, NETWORKS[name].backbone, start.weights, start.seed)


@dataclass(frozen=True)
class Finetuned:
    """What training left: a network with its temperature, predictions and learning curves."""

    name: str
    net: PatchNet
    weights: str
    note: str
    best_epoch: int
    temperature: float
    predictions: pd.DataFrame
    history: pd.DataFrame

    def summary(self) -> dict[str, object]:
        """What is told of it beside its weights."""
        return {
            "network": self.name,
            "weights": self.weights,
            "note": self.note,
            "best_epoch": self.best_epoch,
            "temperature": self.temperature,
        }


def finetune(
    name: str,
    store: PatchStore,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    rounds: Sequence[Round],
    settings: Finetune,
    start: Starting,
    work: Path,
    on_epoch: OnEpoch,
) -> Finetuned:
    """Train a network in every round, and predict in each what it has not seen.

    Args:
        name: In NETWORKS.
        store: The patches of its front end.
        clips: clip_id, genre.
        split: clip_id, split, fold.
        rounds: The trainings; the network of the last one is kept.
        settings: The section `finetune`.
        start: What its backbone starts from.
        work: A folder that survives a killed run.
        on_epoch: Is given each epoch's figures.

    Returns:
        The network, its temperature (chosen on validation; with folds, cross-fitted) and its
        predictions.
    """
    genres = genres_of(clips)
    target_of = {g: i for i, g in enumerate(genres)}
    targets = clips.set_index("clip_id")["genre"].map(target_of)
    clip_ids = store.index["clip_id"].to_numpy(dtype=object)
    n_patches = store.patches.shape[1]
    build = partial(build_network, name, n_patches, len(genres), settings, start)
    net, weights = build()
    frozen = run_frozen_part(net, store.patches, settings, work / "frozen.npy")
    examples = Examples(frozen, clip_ids, targets.loc[clip_ids].to_numpy())
    trainings: dict[int, Training] = {}
    scores, predicted = [], []
    for each in rounds:
        net, _ = build()
        trainings[each.fold] = train_network(
            net,
            examples,
            each.train,
            each.validation,
            settings,
            checkpoint=work / f"round{each.fold}.pt",
            on_epoch=on_epoch,
        )
        if each.predicted:
            of_round, ids = clip_logits(net, examples, each.predicted, settings)
            scores.append(of_round)
            predicted += ids
    where = split.set_index("clip_id").loc[predicted]
    truth = targets.loc[predicted].to_numpy()
    probabilities, temperature = _calibrated(np.concatenate(scores), truth, where)
    return Finetuned(
        name,
        net.cpu().eval(),
        weights,
        note_on(start.weights),
        trainings[rounds[-1].fold].best_epoch,
        temperature,
        predictions_table(predicted, probabilities, genres, where["split"], where["fold"]),
        history_table(trainings),
    )


def _calibrated(
    scores: np.ndarray, truth: np.ndarray, where: pd.DataFrame
) -> tuple[np.ndarray, float]:
    folds = where["fold"].to_numpy()
    if (folds >= 0).all():
        return cross_fitted_probabilities(scores, truth, folds)
    chosen_on = where["split"].to_numpy(dtype=object) == VALIDATION
    temperature = fit_temperature(scores[chosen_on], truth[chosen_on])
    return softmax(scores, temperature), temperature


def device_for(settings: Finetune) -> torch.device:
    """The device that the settings ask for; auto takes CUDA where there is one."""
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(settings.device)


@torch.inference_mode()
def run_frozen_part(
    net: PatchNet, patches: np.ndarray, settings: Finetune, path: Path
) -> np.ndarray:
    """Run what is not trained once over all rows, and keep it in a file.

    Args:
        net: The network, untrained.
        patches: (n_rows, n_patches, frames, n_mels).
        settings: What is trained; with `all`, nothing is frozen and the patches come back.
        path: Where the result is kept (.npy); what is there already is used.

    Returns:
        (n_rows, n_patches, size) float32, memory-mapped.
    """
    if settings.trainable == "all":
        return patches
    if not path.is_file():
        device = device_for(settings)
        net = net.to(device).eval()
        with written_whole(path) as temporary:
            size = net.frozen_size(settings.trainable)
            shape = (*patches.shape[:2], size)
            stored = np.lib.format.open_memmap(temporary, "w+", np.dtype(np.float32), shape)
            for start in tqdm(range(0, len(patches), 8), desc="frozen part", unit="batch"):
                rows = slice(start, start + 8)
                batch = torch.from_numpy(patches[rows].astype(np.float32)).to(device)
                stored[rows] = net.freeze(batch, settings.trainable).cpu().numpy()
            stored.flush()
    return np.load(path, mmap_mode="r")


def train_network(
    net: PatchNet,
    examples: Examples,
    train: Sequence[str],
    validation: Sequence[str],
    settings: Finetune,
    *,
    checkpoint: Path,
    on_epoch: OnEpoch,
) -> Training:
    """Train a network; it ends with the weights of its best epoch.

    The best epoch has the highest validation accuracy, of equals the lowest loss. Without
    validation clips every epoch is trained and the last one kept.

    Args:
        net: Trained in place.
        examples: As the network's frozen part left them.
        train: The clips to learn from.
        validation: The clips to watch.
        settings: The section `finetune`.
        checkpoint: Where the state is kept between epochs; removed by the caller.
        on_epoch: Is given each epoch's figures.

    Returns:
        The history and the best epoch.
    """
    device = device_for(settings)
    net = net.to(device)
    parameters = net.trained_part(settings.trainable)
    optimizer = _optimizer(parameters, settings)
    shuffle = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        state = _resume(checkpoint, net, optimizer, shuffle)
        rows = examples.rows_of(train)
        while state.epoch < settings.epochs:
            if state.epoch - state.best_epoch >= settings.patience and len(validation):
                break
            figures = _train_epoch(net, optimizer, examples, rows, settings, shuffle, state.epoch)
            if len(validation):
                figures |= _validate(net, examples, validation, settings)
                score = (figures["validation_accuracy"], -figures["validation_loss"])
            else:
                score = (float(state.epoch), 0.0)
            state.epoch += 1
            state.history.append({"epoch": float(state.epoch), **figures})
            if score > state.best_score:
                state.best_score, state.best_epoch = score, state.epoch
                state.best_weights = {k: v.cpu().clone() for k, v in net.state_dict().items()}
            _save(checkpoint, state, net, optimizer, shuffle)
            on_epoch(state.history[-1])
    net.load_state_dict(state.best_weights)
    return state


@torch.inference_mode()
def clip_logits(
    net: PatchNet, examples: Examples, clip_ids: Sequence[str], settings: Finetune
) -> tuple[np.ndarray, list[str]]:
    """Score clips: (n_clips, n_genres) log-probabilities before calibration, and the clips."""
    net.eval()
    rows = examples.rows_of(clip_ids)
    logits = [
        net.judge(_batch(examples.patches, part, net), settings.trainable).float().cpu().numpy()
        for part in np.array_split(rows, math.ceil(len(rows) / settings.batch_size))
    ]
    return windows_to_clips(np.concatenate(logits), examples.clip_ids[rows])


def history_table(rounds: dict[int, Training]) -> pd.DataFrame:
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


def _train_epoch(
    net: PatchNet,
    optimizer: torch.optim.Optimizer,
    examples: Examples,
    rows: np.ndarray,
    settings: Finetune,
    shuffle: torch.Generator,
    epoch: int,
) -> dict[str, float]:
    net.train()
    order = rows[torch.randperm(len(rows), generator=shuffle).numpy()]
    augment = _masks() if settings.spec_augment else nn.Identity()
    device = next(net.parameters()).device
    loss_sum, n_right = 0.0, 0
    batches = np.array_split(order, math.ceil(len(order) / settings.batch_size))
    for part in tqdm(batches, desc=f"epoch {epoch + 1}", unit="batch", leave=False):
        targets = torch.from_numpy(examples.targets[part]).to(device)
        lower = settings.precision != "float32"
        with torch.autocast(device.type, dtype=DTYPES[settings.precision], enabled=lower):
            logits = net.judge(augment(_batch(examples.patches, part, net)), settings.trainable)
            loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += float(loss) * len(part)
        n_right += int((logits.argmax(1) == targets).sum())
    return {"train_loss": loss_sum / len(order), "train_accuracy": n_right / len(order)}


def _validate(
    net: PatchNet, examples: Examples, validation: Sequence[str], settings: Finetune
) -> dict[str, float]:
    scores, clip_ids = clip_logits(net, examples, validation, settings)
    target_of = dict(zip(examples.clip_ids, examples.targets, strict=True))
    targets = np.array([target_of[clip_id] for clip_id in clip_ids])
    return {
        "validation_loss": float(-scores[np.arange(len(targets)), targets].mean()),
        "validation_accuracy": float((scores.argmax(axis=1) == targets).mean()),
    }


def _batch(patches: np.ndarray, rows: np.ndarray, net: nn.Module) -> torch.Tensor:
    device = next(net.parameters()).device
    return torch.from_numpy(patches[rows].astype(np.float32, copy=False)).to(device)


def _masks() -> nn.Module:
    """SpecAugment (Park et al. 2019) on patches (n, n_patches, frames, n_mels), each its own."""
    transforms = torchaudio_transforms()
    return nn.Sequential(
        transforms.TimeMasking(12, iid_masks=True), transforms.FrequencyMasking(8, iid_masks=True)
    )


def _optimizer(parameters: list[nn.Parameter], settings: Finetune) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, fused=True)
    return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)


def _save(
    path: Path,
    state: Training,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    shuffle: torch.Generator,
) -> None:
    generators = {"shuffle": shuffle.get_state(), "global": torch.get_rng_state()}
    with written_whole(path) as temporary:
        torch.save(
            {
                "training": vars(state),
                "net": net.state_dict(),
                "optimizer": optimizer.state_dict(),
                "generators": generators,
            },
            temporary,
        )


def _resume(
    path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, shuffle: torch.Generator
) -> Training:
    if not path.is_file():
        return Training()
    saved = torch.load(path, weights_only=True, map_location="cpu")
    net.load_state_dict(saved["net"])
    optimizer.load_state_dict(saved["optimizer"])
    shuffle.set_state(saved["generators"]["shuffle"])
    torch.set_rng_state(saved["generators"]["global"])
    return Training(**saved["training"])
