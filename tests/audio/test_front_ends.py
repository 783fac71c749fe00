"""Front ends: how a waveform is resampled and its frames are cut into patches."""

import numpy as np
import pytest

from genre_pred.audio.decoding.resampling import resample
from genre_pred.audio.logmel.front_ends import FRONT_ENDS, waveform_to_patches

VGGISH = FRONT_ENDS["vggish"]


def silence(n_samples: int) -> np.ndarray:
    return np.zeros(n_samples, np.float32)


@pytest.mark.parametrize(
    ("seconds", "n_patches"),
    [(30, 31), (0.975, 1), (0.974, 0), (1.0, 1), (6, 6), (0.01, 0), (0, 0)],
)
def test_number_of_patches(seconds: float, n_patches: int) -> None:
    assert VGGISH.patch_shape(seconds) == (n_patches, 96)
    if n_patches:
        patches = waveform_to_patches(silence(VGGISH.n_samples(seconds)), VGGISH)
        assert patches.shape == (n_patches, 96, 64)


@pytest.mark.parametrize(
    ("seconds", "shape"),
    [(1, (1, 100)), (6, (1, 600)), (10, (1, 1000)), (10.01, (2, 500)), (15, (2, 750)),
     (30, (3, 1000)), (29.98, (3, 999)), (0, (0, 0))],
)  # fmt: skip
def test_efficientat_cuts_the_fewest_equal_patches_of_at_most_ten_seconds(
    seconds: float, shape: tuple[int, int]
) -> None:
    front_end = FRONT_ENDS["efficientat"]
    assert front_end.patch_shape(seconds) == shape
    if seconds:
        patches = waveform_to_patches(silence(front_end.n_samples(seconds)), front_end)
        assert patches.shape == (*shape, 128)


@pytest.mark.parametrize(("seconds", "frames"), [(1, 44), (6, 259), (30, 1292)])
def test_image_networks_see_the_whole_clip(seconds: float, frames: int) -> None:
    front_end = FRONT_ENDS["mel128"]
    assert front_end.patch_shape(seconds) == (1, frames)
    patches = waveform_to_patches(silence(front_end.n_samples(seconds)), front_end)
    assert patches.shape == (1, frames, 128)


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("seconds", [1, 1.2345, 7.77, 13.3])
def test_the_predicted_shape_is_the_actual_shape(name: str, seconds: float) -> None:
    front_end = FRONT_ENDS[name]
    patches = waveform_to_patches(silence(front_end.n_samples(seconds)), front_end)
    assert patches.shape == (*front_end.patch_shape(seconds), front_end.n_mels)


def test_too_short_a_waveform_is_refused_with_both_lengths() -> None:
    with pytest.raises(ValueError, match="15599 samples .* needs 15600 at 16000 Hz"):
        waveform_to_patches(silence(15_599), VGGISH)
    assert waveform_to_patches(silence(15_600), VGGISH).shape == (1, 96, 64)


def test_patches_are_the_frames_in_order() -> None:
    noise = np.random.default_rng(4).standard_normal(48_000).astype(np.float32)
    patches = waveform_to_patches(noise, VGGISH)
    np.testing.assert_array_equal(patches.reshape(-1, 64), VGGISH.log_mel(noise)[: 3 * 96])


def test_frames_left_over_are_the_last_ones() -> None:
    front_end = FRONT_ENDS["efficientat"]
    noise = np.random.default_rng(5).standard_normal(320 * 1001).astype(np.float32)
    patches = waveform_to_patches(noise, front_end)
    assert patches.shape == (2, 500, 128)
    np.testing.assert_array_equal(patches.reshape(-1, 128), front_end.log_mel(noise)[:1000])


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone_and_its_length(rate: int) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate * 2) / rate).astype(np.float32)
    found = resample(tone, rate, 16_000)
    assert found.dtype == np.float32
    assert len(found) == 32_000
    expected = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 16_000)
    np.testing.assert_allclose(found[1000:-1000], expected[1000:-1000], atol=1e-4)


def test_resampling_lets_nothing_fold_back() -> None:
    tone = np.sin(2 * np.pi * 9000 * np.arange(88_200) / 44_100).astype(np.float32)
    found = resample(tone, 44_100, 16_000)  # 9 kHz lies above the new limit of 8
    assert np.abs(found[1000:-1000]).max() < 1e-6


def test_equal_rates_change_nothing() -> None:
    samples = np.ones(10, np.float32)
    assert resample(samples, 16_000, 16_000) is samples
