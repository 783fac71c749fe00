"""EfficientAT: the published weights fit, and give the reference's embeddings and sounds."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from genre_pred.audio.decoding.reading import read_samples
from genre_pred.audio.decoding.resampling import resample
from genre_pred.audio.logmel.front_ends import FRONT_ENDS, waveform_to_patches
from genre_pred.networks.backbones.efficientat import WIDTHS, ChannelAttention, EfficientAT
from genre_pred.networks.embedding.patches_to_embeddings import BACKBONES, patches_to_embeddings
from genre_pred.networks.weights.loading import load_weights

SIZES = {"mn04": 384, "mn10": 960, "mn20": 1920, "mn40": 3840}


def shared() -> Path:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no published weights, no reference arrays")
    return Path(os.environ["GENRE_PRED_TEST_DATA"]).parent


@pytest.fixture(scope="module")
def published() -> EfficientAT:
    path = shared() / "weights" / "mn04_as_mAP_432.pt"
    net = EfficientAT(WIDTHS["mn04"]).eval()
    assert load_weights(net, "mn04", str(path), 0) == "mn04_as_mAP_432.pt sha256:899a8c62…"
    return net


@pytest.mark.parametrize("kind", ["chirp", "white_noise", "reggae.00003_first_10s"])
def test_embeddings_and_sounds_equal_the_reference(published: EfficientAT, kind: str) -> None:
    with np.load(shared() / "golden" / "efficientat_mn04.npz") as arrays:
        golden = {key.removeprefix(f"{kind}__"): arrays[key] for key in arrays if kind in key}
    waveform = golden.get("waveform_32khz")
    if waveform is None:
        samples, rate = read_samples(shared() / "data/gtzan70/reggae/reggae.00003.wav")
        waveform = resample(samples, rate, 32_000)[:320_000]
    patches = torch.from_numpy(waveform_to_patches(waveform, FRONT_ENDS["efficientat"]))
    with torch.inference_mode():
        embedding, logits = published(patches), published.classify(patches)
    assert embedding.shape == (1, 384)
    assert logits.shape == (1, 527)
    np.testing.assert_allclose(embedding[0], golden["embedding"], atol=1e-4)
    np.testing.assert_allclose(logits[0], golden["audioset_logits"], atol=1e-4)


@pytest.mark.parametrize("name", WIDTHS)
def test_every_width_embeds_patches_of_any_length(name: str) -> None:
    with torch.device("meta"):
        net = EfficientAT(WIDTHS[name]).eval()
        assert net.size == SIZES[name]
        for frames in (100, 600, 1000):
            assert net(torch.empty(2, frames, 128)).shape == (2, SIZES[name])
            assert net.classify(torch.empty(2, frames, 128)).shape == (2, 527)


def test_mn04_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in EfficientAT(0.4).parameters()) == 983_599


def test_attention_scales_channels_by_their_means() -> None:
    torch.manual_seed(0)
    attention = ChannelAttention(4, 2)
    maps = torch.randn(2, 4, 3, 5)
    layers = attention.state_dict()
    first, second = (f"conc_se_layers.0.fc{i}" for i in (1, 2))
    means = maps.mean(dim=(2, 3))
    hidden = (means @ layers[f"{first}.weight"].T + layers[f"{first}.bias"]).clamp(min=0)
    scale = 1 / (1 + torch.exp(-(hidden @ layers[f"{second}.weight"].T + layers[f"{second}.bias"])))
    torch.testing.assert_close(attention(maps), maps * scale[:, :, None, None])


def test_untrained_weights_embed_different_sounds_differently() -> None:
    net = BACKBONES["mn04"].build()
    load_weights(net, "mn04", "random", 254)
    rng = np.random.default_rng(1)
    loud, quiet = (level * rng.standard_normal(64_000).astype(np.float32) for level in (0.3, 1e-3))
    front_end = FRONT_ENDS[BACKBONES["mn04"].front_end]
    patches = np.stack([waveform_to_patches(sound, front_end) for sound in (loud, quiet)])
    embeddings = patches_to_embeddings(net.eval(), patches)
    assert embeddings.shape == (2, 1, 384)
    assert 0.01 < embeddings.std() < 100
    assert np.abs(embeddings[0] - embeddings[1]).mean() > 0.1 * embeddings.std()
