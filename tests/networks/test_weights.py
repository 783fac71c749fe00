"""Weights: seeded, fetched, verified, and refused with a way on."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from genre_pred.apps.cli import weights_check
from genre_pred.apps.cli.weights_check import check_vggish
from genre_pred.core.fetch import FetchError
from genre_pred.networks.backbones.torch_libraries import torchvision_models
from genre_pred.networks.weights import files as weight_files
from genre_pred.networks.weights.files import WeightsError, fetch_weights
from genre_pred.networks.weights.loading import load_weights, weights_note
from genre_pred.networks.weights.published import IMAGENET, WEIGHTS, Weights, published_weights


def small_net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 200))


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return small_net().state_dict()


def same(net: nn.Module, state: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_random_weights_are_hes_and_follow_the_seed() -> None:
    first, second, other = small_net(), small_net(), small_net()
    line = load_weights(first, "vggish", "random", 254)
    load_weights(second, "vggish", "random", 254)
    load_weights(other, "vggish", "random", 255)
    assert line == "random (He initialisation, seed 254)"
    assert same(first, second.state_dict())
    assert not same(first, other.state_dict())
    linear = first[3]
    assert isinstance(linear, nn.Linear)
    assert linear.weight.std().item() == pytest.approx((2 / 16) ** 0.5, rel=0.05)
    assert linear.bias.abs().max() == 0


def test_random_weights_leave_the_global_generator_alone() -> None:
    net = small_net()
    before = torch.get_rng_state()
    load_weights(net, "vggish", "random", 254)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_a_file_is_loaded(suffix: str, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / f"mine{suffix}"
    save = safetensors.torch.save_file if suffix == ".safetensors" else torch.save
    save(state, path)
    net = small_net()
    line = load_weights(net, "vggish", str(path), 0)
    assert same(net, state)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert line == f"mine{suffix} sha256:{digest[:8]}…"  # the folder is this machine's affair


def test_weights_that_do_not_fit_are_refused_with_the_first_difference(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "w.pth"
    net = small_net()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    missing = {key: value for key, value in state.items() if key != "0.bias"}
    for wrong, what in (
        (missing, r"w\.pth does not fit Sequential: it lacks 0\.bias"),
        (state | {"3.bias": torch.zeros(7)}, r"3\.bias is \(7,\) instead of \(200,\)"),
        (state | {"9.bias": torch.zeros(7)}, r"unexpected key 9\.bias"),
        ([1, 2], "holds a list, not a state dict"),
    ):
        torch.save(wrong, path)
        with pytest.raises(WeightsError, match=what):
            load_weights(net, "vggish", str(path), 0)
        assert same(net, before)


def test_random_weights_leave_batch_norm_neutral() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4))
    net(torch.randn(8, 1, 9, 9))
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.constant_(norm.weight, 7.0)
    load_weights(net, "vggish", "random", 254)
    told = {key: value.mean().item() for key, value in norm.state_dict().items() if value.dim()}
    assert told == {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}


class Evil:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_file_that_is_no_weights_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    for name, raw in (("a.pth", b"no weights"), ("b.pth", b""), ("c.safetensors", b"\x01" * 30)):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(WeightsError, match=f"{name} is not a readable file of weights"):
            load_weights(small_net(), "vggish", str(tmp_path / name), 0)
    torch.save({"0.weight": Evil(tmp_path / "made")}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="evil.pth is not a readable file of weights"):
        load_weights(small_net(), "vggish", str(tmp_path / "evil.pth"), 0)
    assert not (tmp_path / "made").exists()


def test_an_unknown_name_is_reported_with_the_known_ones() -> None:
    with pytest.raises(WeightsError, match="'imagenet': no such file; known are random, audioset"):
        load_weights(small_net(), "vggish", "imagenet", 0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENRE_PRED_CACHE", str(tmp_path))
    return tmp_path / "weights"


def test_published_weights_are_taken_from_the_cache_when_their_hash_is_right(
    cache: Path, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    torch.save(state, cache / "net.pth")
    digest = hashlib.sha256((cache / "net.pth").read_bytes()).hexdigest()
    published = Weights("http://127.0.0.1:9/net.pth", digest[:8], None)
    monkeypatch.setitem(WEIGHTS, "small", {"audioset": published})
    net = small_net()
    assert load_weights(net, "small", "audioset", 0) == f"audioset sha256:{digest[:8]}…"
    assert same(net, state)


def test_weights_without_a_published_hash_say_that_they_are_unchecked(
    cache: Path, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    published = Weights("http://127.0.0.1:9/net.pth", None, None)
    monkeypatch.setitem(WEIGHTS, "small", {"audioset": published})
    monkeypatch.setattr(weight_files, "fetch", lambda url, target, **_: target)
    torch.save(state, cache / "net.pth")
    net = small_net()
    line = load_weights(net, "small", "audioset", 0)
    digest = hashlib.sha256((cache / "net.pth").read_bytes()).hexdigest()
    assert line == f"audioset sha256:{digest[:8]}… (unchecked: its publisher tells none)"
    assert same(net, state)


def saved(state: dict[str, torch.Tensor]) -> bytes:
    raw = io.BytesIO()
    torch.save(state, raw)
    return raw.getvalue()


@pytest.mark.parametrize(
    "wrong", [b"<!DOCTYPE html><title>Sign in</title>", saved({"else": torch.zeros(1)})]
)
def test_a_wrong_download_without_a_published_hash_is_not_kept(
    wrong: bytes, cache: Path, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    arriving = [wrong, saved(state)]

    def bring(url: str, target: Path, **_: object) -> Path:
        if not target.exists():
            target.write_bytes(arriving.pop(0))
        return target

    monkeypatch.setitem(WEIGHTS, "small", {"audioset": Weights("http://x.org/net.pth", None, None)})
    monkeypatch.setattr(weight_files, "fetch", bring)
    net = small_net()
    with pytest.raises(WeightsError, match=r"http://x\.org/net\.pth and was removed: run again"):
        load_weights(net, "small", "audioset", 0)
    assert not (cache / "net.pth").exists()
    load_weights(net, "small", "audioset", 0)
    assert same(net, state)


def test_files_with_the_published_hash_and_local_files_are_never_removed(
    cache: Path, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    path = cache / "net.pth"
    torch.save(state | {"9.bias": torch.zeros(7)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    published = Weights("http://127.0.0.1:9/net.pth", digest[:8], None)
    monkeypatch.setitem(WEIGHTS, "small", {"audioset": published})
    for which in ("audioset", str(path)):
        with pytest.raises(WeightsError, match="unexpected key"):
            load_weights(small_net(), "small", which, 0)
        assert path.exists()


def test_only_three_published_weights_have_no_hash() -> None:
    unhashed = {name for name, them in WEIGHTS.items() if not them["audioset"].sha256_prefix}
    assert unhashed == {"mn10", "mn20", "mn40"}  # as the README says


def test_results_of_random_weights_say_so_as_far_as_it_matters() -> None:
    untrained = "untrained weights: this shows the machinery, not what {} can do"
    assert weights_note("random", "vggish") == untrained.format("VGGish")
    assert weights_note("random", "resnet18") == untrained.format("resnet18")
    assert weights_note("random", "resnet18", trained_whole=True) == "random weights at the start"
    assert weights_note("imagenet", "resnet18") == weights_note("mine.pth", "vggish") == ""


def test_addresses_and_hashes_of_imagenets_weights_are_torchvisions() -> None:
    for name, ours in IMAGENET.items():
        theirs = torchvision_models().get_model_weights(ours.model).IMAGENET1K_V1
        found = published_weights(name)["imagenet"]
        assert found.url == theirs.url
        assert found.bytes == pytest.approx(theirs.meta["_file_size"] * 2**20, rel=1e-6)
        assert f"-{found.sha256_prefix}.pth" in theirs.url


def test_an_imagenet_file_loads_without_its_classifier_and_with_older_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.ModuleDict({"denselayer1": nn.ModuleDict({"norm1": norm()})})

    def norm() -> nn.BatchNorm2d:
        return nn.BatchNorm2d(3)

    older = {
        f"features.denselayer1.norm.1.{name}": torch.full((3,), 2.0)
        for name in ("weight", "bias", "running_mean", "running_var")
    }
    path = tmp_path / "dense.pth"
    torch.save(older | {"classifier.weight": torch.zeros(1000, 3)}, path)
    net = Dense()
    load_weights(net, "densenet121", str(path), 0)
    assert all((p == 2).all() for p in net.parameters())
    torch.save(older | {"something.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="unexpected key something.weight"):
        load_weights(net, "densenet121", str(path), 0)


def test_without_a_network_the_error_names_every_way_on(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str, target: Path, **_: object) -> Path:
        raise FetchError(f"{url}: no network")

    monkeypatch.setattr(weight_files, "fetch", refuse)
    with pytest.raises(WeightsError) as caught:
        load_weights(small_net(), "vggish", "audioset", 0)
    said = str(caught.value)
    assert "https://github.com/harritaylor/torchvggish/releases" in said
    assert str(cache / "vggish-10086976.pth") in said
    assert "288 MB" in said
    assert "weights.vggish" in said
    assert "random" in said


def test_missing_weights_are_reported_before_they_are_needed(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    def bring(url: str, target: Path, **_: object) -> Path:
        fetched.append(target)
        return target

    monkeypatch.setattr(weight_files, "fetch", bring)
    own = tmp_path / "own.pth"
    own.touch()
    fetch_weights({"vggish": "random", "mn04": "audioset", "mn10": str(own), "vgg16": "imagenet"})
    assert fetched == [cache / "mn04_as_mAP_432.pt", cache / "vgg16-397923af.pth"]
    with pytest.raises(
        WeightsError, match="weights.mn04 is 'audio': no such file; known are random"
    ):
        fetch_weights({"mn04": "audio"})


def test_the_first_stage_does_without_torch() -> None:
    script = (
        "import sys; import genre_pred.networks.weights.files; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


class Fake(nn.Module):
    """Gives embeddings of exactly the mean and standard deviation wanted."""

    mean, std = 0.000657, 0.343

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        assert patches.shape == (3, 96, 64)
        signs = torch.ones(3, 128)
        signs[:, ::2] = -1
        return self.mean + self.std * signs


@pytest.mark.parametrize(
    ("mean", "std", "agree"),
    [
        (0.000657, 0.343, [True, True]),
        (0.0007, 0.32, [True, True]),
        (-0.000657, 0.343, [False, True]),
        (0.00066, 0.39, [True, False]),
    ],
)
def test_the_published_figures_are_compared_within_ten_percent(
    mean: float, std: float, agree: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_check, "VGGish", Fake)
    monkeypatch.setattr(Fake, "mean", mean)
    monkeypatch.setattr(Fake, "std", std)
    rows = check_vggish("random")
    assert [row[3] for row in rows] == agree
    np.testing.assert_allclose([row[1] for row in rows], [mean, std], rtol=1e-3)
    assert [row[2] for row in rows] == [0.000657, 0.343]
