"""Stored embeddings equal those of the network, for any number of workers."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from genre_pred.config.sections import Compute
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.networks.backbones.precision import prepare_for_inference
from genre_pred.networks.embedding.patches_to_embeddings import (
    BACKBONES,
    load_backbone,
    lowest_cosine,
    patches_to_embeddings,
    store_embeddings,
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory, params):
    """mn04 with random weights, and a store of 13 short clips of two patches."""
    folder = tmp_path_factory.mktemp("embed")
    net, _ = load_backbone("mn04", params.weights)
    save_file(net.state_dict(), folder / "mn04.safetensors")
    patches = np.random.default_rng(0).normal(size=(13, 2, 100, 128)).astype(np.float16)
    np.save(folder / "efficientat.npy", patches)
    return net, patches, folder


def embedded(stored, precision, path, each=map):
    _, _, folder = stored
    paths = (folder / "mn04.safetensors", folder / "efficientat.npy")
    assert store_embeddings("mn04", *paths, precision, path, each) == 26
    return np.load(path)


def test_stored_embeddings_are_those_of_the_network(stored, tmp_path):
    net, patches, _ = stored
    with torch.inference_mode():
        whole = net(torch.from_numpy(patches.reshape(26, 100, 128).astype(np.float32))).numpy()
    made = embedded(stored, "float32", tmp_path / "mn04.npy")
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, whole.reshape(13, 2, -1), atol=1e-5 * whole.max())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_single_clip_as_in_prediction_gives_the_stored_embeddings(stored, tmp_path, precision):
    _, patches, folder = stored
    net = BACKBONES["mn04"].build()
    net.load_state_dict(load_file(folder / "mn04.safetensors"))
    prepare_for_inference(net, precision)
    each = clip_map(Compute(workers=2, scheduler=None), "embedding")
    made = embedded(stored, precision, tmp_path / "mn04.npy", each)
    for row in (0, 6, 12):
        alone = patches_to_embeddings(net, patches[[row]], precision=precision)
        np.testing.assert_allclose(alone[0], made[row], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_any_number_of_processes_writes_the_same_bytes(stored, tmp_path, precision):
    for workers in (1, 2):
        each = clip_map(Compute(workers=workers, scheduler=None), "embedding")
        embedded(stored, precision, tmp_path / f"{workers}.npy", each)
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "2.npy").read_bytes()


def test_a_lower_precision_points_where_float32_does(stored, tmp_path):
    net, _, folder = stored
    made = embedded(stored, "bfloat16", tmp_path / "mn04.npy")
    exact = embedded(stored, "float32", tmp_path / "exact.npy")
    assert np.abs(made - exact).max() > 0
    lowest = lowest_cosine(net, folder / "efficientat.npy", tmp_path / "mn04.npy", n_rows=13)
    cosines = (made * exact).sum(-1)
    cosines /= np.linalg.norm(made, axis=-1) * np.linalg.norm(exact, axis=-1)
    assert lowest == pytest.approx(cosines.min(), abs=1e-6)
    assert 0.99 < lowest < 1


class First(torch.nn.Module):
    """Gives the first three numbers of a patch as they are."""

    def forward(self, patches):
        return patches[:, 0, :3]


@pytest.mark.parametrize(("lower", "lowest"), [(0.0, 0.0), (2.0, 1.0)])
def test_silence_is_left_out_of_the_lowest_cosine(tmp_path, lower, lowest):
    patches = np.ones((4, 2, 1, 5), dtype=np.float32)
    patches[:2] = 0
    made = patches[:, :, 0, :3].copy()
    made[3, 1] *= lower
    np.save(tmp_path / "patches.npy", patches)
    np.save(tmp_path / "made.npy", made)
    told = (tmp_path / "patches.npy", tmp_path / "made.npy")
    assert lowest_cosine(First(), *told) == pytest.approx(lowest)
    np.save(tmp_path / "made.npy", np.zeros_like(made))
    np.save(tmp_path / "patches.npy", np.zeros_like(patches))
    assert lowest_cosine(First(), *told) == 1.0
