"""The training loop over epochs and batches; it keeps the weights of the best epoch.

A checkpoint is written after every epoch. A killed training resumes from it and ends with the
same weights as an uninterrupted one (on a CPU).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from genre_pred.config.sections import Finetune
from genre_pred.core.arrays import rows_of
from genre_pred.core.errors import UserError
from genre_pred.core.files import atomic_write
from genre_pred.core.progress import bar
from genre_pred.networks.backbones.precision import DTYPES
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.training.calibration.clip_scores import windows_to_clips
from genre_pred.training.finetuning.augment import augmentation, mixing

_WARM_UP = 0.2  # of all steps
OnEpoch = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Examples:
    """Windows of clips with their genres.

    Attributes:
        patches: (n_rows, n_patches, frames, n_mels), possibly memory-mapped; or (n_rows, ...),
            the output of a network's frozen part.
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
    """The state of a training, as a checkpoint stores it."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: tuple[float, float] = (-math.inf, -math.inf)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    history: list[dict[str, float]] = field(default_factory=list)


def device_for(settings: Finetune) -> torch.device:
    """The device that finetune.device names; auto takes CUDA if it is available."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError("finetune.device is cuda, but torch finds no CUDA device: set it to auto")
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(settings.device)


def train_network(
    net: GenreNet,
    examples: Examples,
    train: Sequence[str],
    validation: Sequence[str],
    settings: Finetune,
    *,
    checkpoint: Path,
    on_epoch: OnEpoch,
    prefix: str = "",
) -> Training:
    """Train a network and give it the weights of its best epoch.

    The best epoch has the highest validation accuracy; ties go to the lowest loss. Without
    validation clips, or with the one-cycle schedule, which is designed for its last epoch, all
    epochs are trained and the last one is kept.

    Args:
        net: Trained in place.
        examples: The output of the network's frozen part.
        train: The training clips.
        validation: The validation clips; may be empty.
        settings: The section `finetune`.
        checkpoint: The file that keeps the state between epochs; removed by the caller.
        on_epoch: Called with the figures of each epoch.
        prefix: Text before the epoch in the progress bar, such as "round 2 of 6, ".

    Returns:
        The history and the best epoch.

    Raises:
        UserError: If the loss becomes NaN or infinite.
    """
    device = device_for(settings)
    selects_epoch = bool(len(validation)) and settings.schedule == "constant"
    net = net.to(device)
    parameters = net.trained_part(settings.trainable)
    optimizer = optimizer_for(parameters, settings)
    shuffle = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        state = _resume(checkpoint, net, optimizer, shuffle)
        rows = examples.rows_of(train)
        while state.epoch < settings.epochs:
            if state.epoch - state.best_epoch >= settings.patience and selects_epoch:
                break
            figures = train_epoch(
                net, optimizer, examples, rows, settings, shuffle, state.epoch, prefix
            )
            if len(validation):
                figures |= _validate(net, examples, validation, settings)
            if selects_epoch:
                score = (figures["validation_accuracy"], -figures["validation_loss"])
            else:
                score = (float(state.epoch), 0.0)
            if not all(math.isfinite(figure) for figure in figures.values()):
                raise UserError(
                    f"the loss became NaN or infinite in epoch {state.epoch + 1}: "
                    f"lower finetune.learning_rate ({settings.learning_rate:g})"
                )
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
    net: GenreNet, examples: Examples, clip_ids: Sequence[str], settings: Finetune
) -> tuple[np.ndarray, list[str]]:
    """Score clips: (n_clips, n_genres) log-probabilities before calibration, and their clip_ids."""
    net.eval()
    rows = examples.rows_of(clip_ids)
    device = next(net.parameters()).device
    parts = np.array_split(rows, math.ceil(len(rows) / settings.batch_size))
    batches = (_batch(examples.patches, part, device) for part in parts)
    logits = [net.classify(batch, settings.trainable).float().cpu().numpy() for batch in batches]
    return windows_to_clips(np.concatenate(logits), examples.clip_ids[rows])


def train_epoch(
    net: GenreNet,
    optimizer: torch.optim.Optimizer,
    examples: Examples,
    rows: np.ndarray,
    settings: Finetune,
    shuffle: torch.Generator,
    epoch: int,
    prefix: str = "",
) -> dict[str, float]:
    """Train a network on every row once; return the mean loss and accuracy over the epoch."""
    net.train()
    order = rows[torch.randperm(len(rows), generator=shuffle).numpy()]
    augment = augmentation(settings)
    smoothed = partial(F.cross_entropy, label_smoothing=settings.label_smoothing)
    device = next(net.parameters()).device
    loss_sum, n_correct = 0.0, 0
    batches = np.array_split(order, math.ceil(len(order) / settings.batch_size))
    for number, part in enumerate(
        bar(batches, doing=f"{prefix}epoch {epoch + 1}", unit="batch", leave=False)
    ):
        done = (epoch + number / len(batches)) / settings.epochs
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, done)
        targets = torch.from_numpy(examples.targets[part]).to(device)
        batch = augment(_batch(examples.patches, part, device))
        partner, weight = mixing(len(part), settings.mixup)
        if weight < 1:
            batch = weight * batch + (1 - weight) * batch[partner]
        lower = settings.precision != "float32"
        with torch.autocast(device.type, dtype=DTYPES[settings.precision], enabled=lower):
            logits = net.classify(batch, settings.trainable)
        logits = logits.float()  # a loss in bfloat16 would be rounded to 8 bits
        own_loss, partner_loss = smoothed(logits, targets), smoothed(logits, targets[partner])
        loss = weight * own_loss + (1 - weight) * partner_loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(part)
        n_correct += int((logits.argmax(1) == targets).sum().item())
    return {"train_loss": loss_sum / len(order), "train_accuracy": n_correct / len(order)}


def _validate(
    net: GenreNet, examples: Examples, validation: Sequence[str], settings: Finetune
) -> dict[str, float]:
    scores, clip_ids = clip_logits(net, examples, validation, settings)
    target_of = dict(zip(examples.clip_ids, examples.targets, strict=True))
    targets = np.array([target_of[clip_id] for clip_id in clip_ids])
    return {
        "validation_loss": float(-scores[np.arange(len(targets)), targets].mean()),
        "validation_accuracy": float((scores.argmax(axis=1) == targets).mean()),
    }


def learning_rate(settings: Finetune, done: float) -> float:
    """The learning rate of a step.

    Args:
        settings: The section `finetune`.
        done: The share of all steps that is finished, 0 to 1.
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    # One cycle (Smith and Topin 2018): a cosine from 1/25 of the peak up to it, then down to 0.
    if done < _WARM_UP:
        low, phase = 1 / 25, done / _WARM_UP
    else:
        low, phase = 0.0, (1 - done) / (1 - _WARM_UP)
    return settings.learning_rate * (low + (1 - low) * (1 - math.cos(math.pi * phase)) / 2)


def _batch(patches: np.ndarray, rows: np.ndarray, device: torch.device) -> torch.Tensor:
    batch = rows_of(patches, rows).astype(np.float32, copy=False)
    return torch.from_numpy(batch).to(device)


def optimizer_for(parameters: list[nn.Parameter], settings: Finetune) -> torch.optim.Optimizer:
    """The optimiser that finetune.optimizer names, in its fused implementation."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
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
    if state.best_epoch == state.epoch:  # first: the checkpoint refers to this file
        _write(state.best_weights, _best_of(path))
    fields = {name: value for name, value in vars(state).items() if name != "best_weights"}
    generators = {"shuffle": shuffle.get_state(), "global": torch.get_rng_state()}
    state_dicts = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
    _write({"training": fields, "generators": generators, **state_dicts}, path)


def _write(content: object, path: Path) -> None:
    with atomic_write(path) as temporary:
        torch.serialization.set_crc32_options(False)  # halves the time to write a gigabyte
        torch.save(content, temporary)
        torch.serialization.set_crc32_options(True)


def _best_of(path: Path) -> Path:
    return path.with_suffix(".best.pt")


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
    best = torch.load(_best_of(path), weights_only=True, map_location="cpu")
    return Training(**saved["training"], best_weights=best)
