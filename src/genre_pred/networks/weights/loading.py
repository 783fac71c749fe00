"""Loads weights into networks: published, from a file, or random."""

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from genre_pred.networks.weights.files import RANDOM, WeightsError, weights_file
from genre_pred.networks.weights.published import IMAGENET, published_weights


def load_weights(net: nn.Module, backbone: str, which: str, seed: int) -> str:
    """Load weights into a network, in place.

    Args:
        net: The network.
        backbone: Its name in WEIGHTS or IMAGENET of published.py.
        which: random, a name of published weights (audioset or imagenet: downloaded once per
            user), or the path of a .pth, .pt or .safetensors file with a state dict.
        seed: Seed of random weights.

    Returns:
        A description of the weights, the same on every machine.

    Raises:
        WeightsError: If the weights cannot be found, or their keys or shapes do not fit. A download
            without a published hash is then removed, and the next call downloads it.
    """
    if which == RANDOM:
        _initialise(net, seed)
        return f"random (He initialisation, seed {seed})"
    published = published_weights(backbone).get(which)
    path = weights_file(backbone, which)
    try:
        state = _read_state(path)
        if backbone in IMAGENET:
            state = _as_torchvision_names(state, IMAGENET[backbone].replaced)
        _load_matching(net, state, path)
    except WeightsError as error:
        if not published or published.sha256_prefix:
            raise
        # Without a hash, only its content shows that it is another file, such as an HTML page.
        path.unlink(missing_ok=True)
        raise WeightsError(
            f"{error}\n  it came from {published.url} and was removed: run again to download it"
        ) from error
    if published and published.sha256_prefix:  # verified by fetch
        return f"{which} sha256:{published.sha256_prefix}…"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if published:
        return f"{which} sha256:{digest[:8]}… (unchecked: its publisher tells none)"
    return f"{path.name} sha256:{digest[:8]}…"


def weights_note(which: str, backbone: str, *, trained_whole: bool = False) -> str:
    """The note shown beside every result of these weights; empty for published weights.

    Args:
        which: As in load_weights.
        backbone: Likewise.
        trained_whole: Whether all layers are trained on the collection, so that none stays random.
    """
    if which != RANDOM:
        return ""
    return "random weights at the start" if trained_whole else _untrained_note(backbone)


def _untrained_note(backbone: str) -> str:
    name = {"vggish": "VGGish"}.get(backbone, backbone)
    return f"untrained weights: this shows the machinery, not what {name} can do"


def _initialise(net: nn.Module, seed: int) -> None:
    """He initialisation: with torch's default, VGGish's embeddings hardly vary (std 0.01)."""
    generator = torch.Generator().manual_seed(seed)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()  # scale 1, shift 0, initial statistics
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _read_state(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} is not a readable file of weights: {reason}") from error
    if not isinstance(state, Mapping):
        raise WeightsError(f"{path} holds a {type(state).__name__}, not a state dict")
    return state


def _as_torchvision_names(
    state: Mapping[str, torch.Tensor], replaced: tuple[str, ...]
) -> Mapping[str, torch.Tensor]:
    """Rename the keys of ImageNet's state dicts as torchvision does, and drop the classifier.

    DenseNet's file is older than its code: its keys have norm.1 where the layer is called norm1.
    """
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key): tensor
        for key, tensor in state.items()
        if not key.startswith(replaced)
    }


def _load_matching(net: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    expected = net.state_dict()
    # Old files lack BatchNorm's count of batches, which is not used here.
    state = {k: v for k, v in expected.items() if k.endswith("num_batches_tracked")} | dict(state)
    for key, tensor in expected.items():
        if key not in state:
            raise WeightsError(f"{path} does not fit {type(net).__name__}: it lacks {key}")
        if state[key].shape != tensor.shape:
            raise WeightsError(
                f"{path} does not fit {type(net).__name__}: {key} is {tuple(state[key].shape)} "
                f"instead of {tuple(tensor.shape)}"
            )
    for key in state:
        if key not in expected:
            raise WeightsError(f"{path} does not fit {type(net).__name__}: unexpected key {key}")
    net.load_state_dict(state)
