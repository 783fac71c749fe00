"""VGGish: against the network written out in numpy, and the reference embeddings."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from genre_pred.networks.backbones.vggish import EMBEDDING, VGGish


@pytest.fixture(scope="module")
def net() -> VGGish:
    torch.manual_seed(254)
    return VGGish().eval()


@pytest.fixture(scope="module")
def patches() -> torch.Tensor:
    noise = np.random.default_rng(254).standard_normal((3, 96, 64))
    return torch.from_numpy(noise.astype(np.float32))


def slow_embedding(net: VGGish, patch: np.ndarray) -> np.ndarray:
    """One patch through TensorFlow's layout: maps are (time, mel, channel) from end to end."""
    state = {key: value.numpy() for key, value in net.state_dict().items()}
    maps = patch[:, :, None]
    for layer in (0, 3, 6, 8, 11, 13):
        weight = state[f"features.{layer}.weight"]  # (out, in, 3, 3)
        padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
        n_time, n_mel = maps.shape[:2]
        maps = state[f"features.{layer}.bias"] + sum(
            padded[i : i + n_time, j : j + n_mel] @ weight[:, :, i, j].T
            for i in range(3)
            for j in range(3)
        )
        maps = np.maximum(maps, 0)
        if layer in (0, 3, 8, 13):
            maps = maps.reshape(n_time // 2, 2, n_mel // 2, 2, -1).max(axis=(1, 3))
    flat = maps.reshape(-1)
    for layer in (0, 2, 4):
        flat = state[f"embeddings.{layer}.weight"] @ flat + state[f"embeddings.{layer}.bias"]
        if layer != 4:
            flat = np.maximum(flat, 0)
    return flat


def test_embeddings_equal_the_network_in_numpy(net: VGGish, patches: torch.Tensor) -> None:
    with torch.inference_mode():
        embeddings = net(patches)
    assert embeddings.shape == (3, EMBEDDING)
    assert (embeddings < 0).any()  # before any ReLU
    np.testing.assert_allclose(embeddings[1], slow_embedding(net, patches[1].numpy()), atol=1e-5)


def test_the_state_has_the_names_of_the_published_weights(net: VGGish) -> None:
    layers = [f"features.{i}" for i in (0, 3, 6, 8, 11, 13)]
    layers += [f"embeddings.{i}" for i in (0, 2, 4)]
    assert list(net.state_dict()) == [f"{x}.{kind}" for x in layers for kind in ("weight", "bias")]
    assert sum(p.numel() for p in net.parameters()) == 72_141_184


def test_forward_is_convolve_then_embed(net: VGGish, patches: torch.Tensor) -> None:
    with torch.inference_mode():
        flat = net.convolve(patches)
        assert flat.shape == (3, 12_288)
        torch.testing.assert_close(net.embed(flat), net(patches))


def test_patches_do_not_see_each_other(net: VGGish, patches: torch.Tensor) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(net(patches[1:2]), net(patches)[1:2], atol=1e-6, rtol=0)


def test_channels_last_weights_give_the_same(net: VGGish, patches: torch.Tensor) -> None:
    other = copy.deepcopy(net)
    for layer in other.features:
        for parameter in layer.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(other(patches), net(patches), atol=1e-6, rtol=0)


def test_it_can_be_saved_and_trained(net: VGGish, patches: torch.Tensor) -> None:
    net(patches).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    net.zero_grad(set_to_none=True)
    assert len(safetensors.torch.save(net.state_dict())) > 4 * 72_141_184


def test_embeddings_equal_the_reference(net: VGGish) -> None:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no reference arrays")
    golden = Path(os.environ["GENRE_PRED_TEST_DATA"]).parent / "golden" / "vggish_forward.npz"
    with np.load(golden) as arrays, torch.inference_mode():
        np.testing.assert_array_equal(net.features[0].weight, arrays["first_weight"])
        np.testing.assert_array_equal(net.embeddings[4].bias, arrays["last_bias"])
        embeddings = net(torch.from_numpy(arrays["patches"]))
        np.testing.assert_allclose(embeddings, arrays["embeddings_pre_activation"], atol=1e-6)
