"""The training loop: batches, epochs, the best one kept.

A checkpoint is written after every epoch; a training that was killed goes on from there and ends
with the same weights as one that was not (on a CPU).
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


def device_for(settings: Finetune) -> torch.device:
    """The device that the settings ask for; auto takes CUDA where there is one."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "finetune.device is cuda, but this torch sees no CUDA device: set it to auto"
        )
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
    named: str = "",
) -> Training:
    """Train a network; it ends with the weights of its best epoch.

    The best epoch has the highest validation accuracy, of equals the lowest loss. Without
    validation clips, or where the learning rate goes through one cycle that is made for its end,
    every epoch is trained and the last one kept.

    Args:
        net: Trained in place.
        examples: As the network's frozen part left them.
        train: The clips to learn from.
        validation: The clips to watch.
        settings: The section `finetune`.
        checkpoint: Where the state is kept between epochs; removed by the caller.
        on_epoch: Is given each epoch's figures.
        named: What the progress bar says before the epoch, as "round 2 of 6, ".

    Returns:
        The history and the best epoch.

    Raises:
        UserError: If the loss is not finite any more.
    """
    device = device_for(settings)
    choosing = bool(len(validation)) and settings.schedule == "constant"
    net = net.to(device)
    parameters = net.trained_part(settings.trainable)
    optimizer = optimizer_for(parameters, settings)
    shuffle = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        state = _resume(checkpoint, net, optimizer, shuffle)
        rows = examples.rows_of(train)
        while state.epoch < settings.epochs:
            if state.epoch - state.best_epoch >= settings.patience and choosing:
                break
            figures = train_epoch(
                net, optimizer, examples, rows, settings, shuffle, state.epoch, named
            )
            if len(validation):
                figures |= _validate(net, examples, validation, settings)
            if choosing:
                score = (figures["validation_accuracy"], -figures["validation_loss"])
            else:
                score = (float(state.epoch), 0.0)
            if not all(math.isfinite(figure) for figure in figures.values()):
                raise UserError(
                    f"training left the finite numbers in epoch {state.epoch + 1}: "
                    f"lower finetune.learning_rate = {settings.learning_rate:g}"
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
    """Score clips: (n_clips, n_genres) log-probabilities before calibration, and the clips."""
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
    named: str = "",
) -> dict[str, float]:
    """Show a network every row once: its mean loss and accuracy meanwhile."""
    net.train()
    order = rows[torch.randperm(len(rows), generator=shuffle).numpy()]
    augment = augmentation(settings)
    smoothed = partial(F.cross_entropy, label_smoothing=settings.label_smoothing)
    device = next(net.parameters()).device
    loss_sum, n_right = 0.0, 0
    batches = np.array_split(order, math.ceil(len(order) / settings.batch_size))
    for number, part in enumerate(
        bar(batches, doing=f"{named}epoch {epoch + 1}", unit="batch", leave=False)
    ):
        done = (epoch + number / len(batches)) / settings.epochs
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, done)
        targets = torch.from_numpy(examples.targets[part]).to(device)
        batch = augment(_batch(examples.patches, part, device))
        other, kept = mixing(len(part), settings.mixup)
        if kept < 1:
            batch = kept * batch + (1 - kept) * batch[other]
        lower = settings.precision != "float32"
        with torch.autocast(device.type, dtype=DTYPES[settings.precision], enabled=lower):
            logits = net.classify(batch, settings.trainable)
        logits = logits.float()  # a loss in bfloat16 would be rounded to 8 bits
        loss = kept * smoothed(logits, targets) + (1 - kept) * smoothed(logits, targets[other])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(part)
        n_right += int((logits.argmax(1) == targets).sum().item())
    return {"train_loss": loss_sum / len(order), "train_accuracy": n_right / len(order)}


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
    """The rate of a step.

    Args:
        settings: The section `finetune`.
        done: The share of all steps that lies behind, 0 to 1.
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    # Smith and Topin 2018: from a 25th up, then down to nothing, along cosines.
    if done < _WARM_UP:
        low, way = 1 / 25, done / _WARM_UP
    else:
        low, way = 0.0, (1 - done) / (1 - _WARM_UP)
    return settings.learning_rate * (low + (1 - low) * (1 - math.cos(math.pi * way)) / 2)


def _batch(patches: np.ndarray, rows: np.ndarray, device: torch.device) -> torch.Tensor:
    batch = rows_of(patches, rows).astype(np.float32, copy=False)
    return torch.from_numpy(batch).to(device)


def optimizer_for(parameters: list[nn.Parameter], settings: Finetune) -> torch.optim.Optimizer:
    """The optimiser that the settings ask for, all its arithmetic in one pass (fused)."""
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
    if state.best_epoch == state.epoch:  # before the rest, which counts on it
        _write(state.best_weights, _best_of(path))
    told = {name: value for name, value in vars(state).items() if name != "best_weights"}
    generators = {"shuffle": shuffle.get_state(), "global": torch.get_rng_state()}
    state_dicts = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
    _write({"training": told, "generators": generators, **state_dicts}, path)


def _write(content: object, path: Path) -> None:
    with atomic_write(path) as temporary:
        torch.serialization.set_crc32_options(False)  # half the time of a gigabyte's writing
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
