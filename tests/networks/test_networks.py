"""Every network behind one interface: shapes, what trains and what stays, and what a seed gives."""

from pathlib import Path

import pytest
import torch
from small_training import SETTINGS, START
from torch.nn import functional as F

from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.networks.backbones.torch_libraries import torchvision_models
from genre_pred.networks.trainable.catalogue import NETWORKS
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.networks.trainable.small_cnns import S4Cnn
from genre_pred.networks.weights.loading import load_weights
from genre_pred.networks.weights.published import IMAGENET, WEIGHTS
from genre_pred.training.finetuning.finetune import build_network

# One of each kind, the others run the same code for longer; VGGish is in test_finetune.py.
RUN = ["mn04", "resnet18", "squeezenet", "alexnet", "vgg16", "cnn_mel", "s4_cnn"]
LIGHT = ["mn04", "resnet18", "squeezenet", "cnn_mel", "s4_cnn"]


def clips_for(name: str, n: int, seconds: float = 2.0) -> torch.Tensor:
    """Noise as log-mels of the right shape: (n, n_patches, frames, n_mels)."""
    front_end = FRONT_ENDS[NETWORKS[name].front_end]
    noise = torch.Generator().manual_seed(5)
    shape = (n, *front_end.patch_shape(seconds), front_end.n_mels)
    scale, shift = (15, -40) if front_end.name == "mel128" else (1, 0)
    return torch.randn(shape, generator=noise) * scale + shift


def built(name: str, n_genres: int) -> GenreNet:
    shape = clips_for(name, 1).shape[1:]
    net, _ = build_network(name, shape, n_genres, SETTINGS, START)
    return net.eval()


@pytest.fixture(scope="module", params=RUN)
def named(request: pytest.FixtureRequest) -> tuple[str, GenreNet]:
    return request.param, built(request.param, 3)


@pytest.mark.parametrize("n_genres", [8, 10])
@pytest.mark.parametrize("seconds", [2.0, 6.0, 30.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_scores_every_genre(name: str, seconds: float, n_genres: int) -> None:
    patches = clips_for(name, 2, seconds)
    with torch.device("meta"):  # shapes alone
        net = NETWORKS[name].build(patches.shape[1:], 16, n_genres).eval()
    logits = net(patches.to("meta"))
    assert logits.shape == (2, n_genres)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_its_front_end_and_its_weights(name: str) -> None:
    network = NETWORKS[name]
    assert network.front_end in FRONT_ENDS
    assert network.backbone is None or network.backbone in {*WEIGHTS, *IMAGENET}


def test_the_frozen_part_and_the_rest_are_the_whole(named: tuple[str, GenreNet]) -> None:
    name, net = named
    clips = clips_for(name, 2)
    with torch.inference_mode():
        whole = net(clips)
        for trainable in ("fc", "head"):
            parts = net.classify(net.freeze(clips, trainable), trainable)
            torch.testing.assert_close(parts, whole)
    assert whole.isfinite().all()
    assert (whole[0] != whole[1]).any()


def moved_by(net: GenreNet, clips: torch.Tensor, trainable: str) -> set[str]:
    """The parameters that a gradient reaches."""
    net.zero_grad(set_to_none=True)
    with torch.no_grad():
        frozen = net.freeze(clips, trainable)
    net.classify(frozen, trainable).square().sum().backward()
    return {name for name, value in net.named_parameters() if value.grad is not None}


def trained_names(net: GenreNet, trainable: str) -> set[str]:
    trained = {id(parameter) for parameter in net.trained_part(trainable)}
    return {name for name, value in net.named_parameters() if id(value) in trained}


@pytest.mark.parametrize("trainable", ["fc", "head"])
def test_gradients_reach_only_the_trained_part(named: tuple[str, GenreNet], trainable: str) -> None:
    name, net = named
    moved = moved_by(net, clips_for(name, 2), trainable)
    assert moved == trained_names(net, trainable)
    heads = {key for key, _ in net.named_parameters() if key.startswith("head.")}
    assert heads <= moved
    if trainable == "head":
        assert moved == heads


@pytest.mark.parametrize("name", LIGHT)
def test_all_layers_are_trained_when_all_is_asked_for(name: str) -> None:
    net = built(name, 3)
    moved = moved_by(net, clips_for(name, 2), "all")
    assert moved == trained_names(net, "all")
    untouched = {key for key, _ in net.named_parameters()} - moved
    # What names AudioSet's sounds has no part in genres.
    assert {key.rsplit(".", 2)[0] for key in untouched} <= {"backbone.classifier"}


def test_pretrained_layers_before_the_last_are_trained_by_fc() -> None:
    with torch.device("meta"):
        layers = {
            name: trained_names(NETWORKS[name].build((1, 87, 128), 16, 3), "fc")
            for name in ("alexnet", "vgg16", "resnet18", "mn04")
        }
    kinds = {n: sorted({key.rsplit(".", 1)[0] for key in keys}) for n, keys in layers.items()}
    assert kinds == {
        "alexnet": ["backbone.classifier.1", "backbone.classifier.4", "head"],
        "vgg16": ["dense.0", "dense.2", "head"],
        "resnet18": ["head"],
        "mn04": ["head.0", "head.3"],
    }


@pytest.mark.parametrize("name", LIGHT)
def test_the_same_seeds_give_the_same_network_whatever_came_before(name: str) -> None:
    first = built(name, 3).state_dict()
    torch.manual_seed(77)
    second = built(name, 3).state_dict()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("name", ["mn04", "cnn_mel", "s4_cnn"])
def test_eight_clips_are_overfitted(name: str) -> None:
    clips, targets = clips_for(name, 8, seconds=1.0), torch.arange(8) % 2
    clips[targets == 1, :, :, :40] += 0.5 * clips.std()
    net = NETWORKS[name].build(clips.shape[1:], 16, 2)
    optimizer = torch.optim.Adam(net.trained_part("all"), 3e-3)
    torch.manual_seed(0)
    for _ in range(60):
        logits = net(clips)
        if F.cross_entropy(logits, targets) < 0.2:
            break
        optimizer.zero_grad()
        F.cross_entropy(logits, targets).backward()
        optimizer.step()
    assert (logits.argmax(dim=1) == targets).all()


def test_s4_has_its_layers() -> None:
    net = S4Cnn(10)
    convolutions = (4 * 9 + 1) * 8 + (8 * 16 + 1) * 16 + (16 * 25 + 1) * 24
    assert sum(p.numel() for p in net.parameters()) == convolutions + 241 * 64 + 65 * 10
    assert sum(p.numel() for p in net.parameters()) == 28_058
    assert net.convolve(torch.randn(2, 1, 87, 128)).shape == (2, 240)


@pytest.mark.parametrize("name", IMAGENET)
def test_torchvisions_state_dict_fits_without_its_classifier(name: str) -> None:
    quick = {"init_weights": False} if name == "inception_v3" else {}  # else it warns
    with torch.device("meta"):
        original = torchvision_models().get_model(IMAGENET[name].model, **quick)
        net = NETWORKS[name].build((1, 87, 128), 16, 3)
    published = original.state_dict()
    kept = {key for key in published if not key.startswith(IMAGENET[name].replaced)}
    assert kept == set(net.backbone.state_dict())
    shapes = {key: value.shape for key, value in net.backbone.state_dict().items()}
    assert shapes == {key: published[key].shape for key in kept}


def test_a_published_state_of_torchvision_is_loaded(tmp_path: Path) -> None:
    torch.manual_seed(4)
    original = torchvision_models().resnet18().eval()
    torch.save(original.state_dict(), tmp_path / "resnet18.pth")
    net = built("resnet18", 3)
    load_weights(net.backbone, "resnet18", str(tmp_path / "resnet18.pth"), 0)
    pictures = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        features = net.backbone(pictures)
        torch.testing.assert_close(original.fc(features), original(pictures))
