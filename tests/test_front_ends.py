"""Front ends: against a slow log-mel written out by the formulas, and the reference arrays."""

import math
import os
from pathlib import Path

import numpy as np
import pytest

from genre_pred.audio.front_ends import (
    FRONT_ENDS,
    resample,
    vggish_log_mel,
    waveform_to_patches,
)

VGGISH = FRONT_ENDS["vggish"]


def slow_log_mel(waveform: np.ndarray) -> np.ndarray:
    """VGGish's log-mel in float64, frame by frame, bin by bin and band by band."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / 400) for n in range(400)]
    dft = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)

    def mel_of(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    step = (mel_of(7500) - mel_of(125)) / 65
    rows = []
    for start in range(0, len(waveform) - 400 + 1, 160):
        magnitude = np.abs(dft @ (waveform[start : start + 400].astype(np.float64) * window))
        bands = np.zeros(64)
        for band in range(64):
            centre = mel_of(125) + (band + 1) * step
            for k in range(1, 257):  # without DC
                weight = 1 - abs(mel_of(k * 16_000 / 512) - centre) / step
                bands[band] += max(0.0, weight) * magnitude[k]
        rows.append(np.log(bands + 0.01))
    return np.array(rows)


@pytest.fixture
def waveform() -> np.ndarray:
    """0.1 s at 16 kHz: a loud tone, a quiet one, a little noise."""
    t = np.arange(1600) / 16_000
    noise = np.random.default_rng(254).standard_normal(t.size)
    tones = 0.8 * np.sin(2 * np.pi * 440 * t) + 0.01 * np.sin(2 * np.pi * 5000 * t)
    return (tones + 1e-4 * noise).astype(np.float32)


def test_vggish_log_mel_equals_the_formulas(waveform: np.ndarray) -> None:
    log_mel = vggish_log_mel(waveform)
    assert log_mel.shape == (8, 64)  # (1600 - 400) / 160 + 1, not centred
    assert log_mel.dtype == np.float32
    np.testing.assert_allclose(log_mel, slow_log_mel(waveform), atol=1e-5)


@pytest.mark.parametrize("n_frames", [1, 127, 128, 129, 300])
def test_blocks_leave_no_seam(n_frames: int) -> None:
    noise = np.random.default_rng(1).standard_normal(400 + 160 * 299).astype(np.float32)
    whole = vggish_log_mel(noise)
    part = vggish_log_mel(noise[: 400 + 160 * (n_frames - 1)])
    np.testing.assert_allclose(part, whole[:n_frames], atol=1e-6)


@pytest.mark.parametrize("kind", ["sine_1khz", "white_noise", "chirp", "silence"])
def test_vggish_patches_equal_the_reference(kind: str) -> None:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no reference arrays")
    golden = Path(os.environ["GENRE_PRED_TEST_DATA"]).parent / "golden" / "vggish_log_mel.npz"
    with np.load(golden) as arrays:
        patches = waveform_to_patches(arrays[f"{kind}__waveform"], VGGISH)
        np.testing.assert_allclose(patches, arrays[f"{kind}__log_mel"], atol=2e-6)


def test_silence_is_the_log_of_the_offset() -> None:
    patches = waveform_to_patches(np.zeros(16_000, np.float32), VGGISH)
    np.testing.assert_allclose(patches, math.log(0.01), rtol=1e-6)


def test_gain_adds_its_logarithm_where_there_is_sound() -> None:
    noise = np.random.default_rng(2).standard_normal(16_000).astype(np.float32) * 0.1
    louder, quieter = vggish_log_mel(2 * noise), vggish_log_mel(noise)
    np.testing.assert_allclose((louder - quieter).mean(), math.log(2), atol=0.01)


def test_a_small_shift_hardly_matters() -> None:
    noise = np.random.default_rng(3).standard_normal(32_100).astype(np.float32) * 0.1
    moved = np.abs(vggish_log_mel(noise[:32_000]) - vggish_log_mel(noise[8:32_008]))
    other = np.abs(vggish_log_mel(noise[:16_000]) - vggish_log_mel(noise[16_000:32_000]))
    assert moved.mean() < 0.2 * other.mean()


@pytest.mark.parametrize(
    ("seconds", "n_patches"),
    [(30, 31), (0.975, 1), (0.974, 0), (1.0, 1), (6, 6), (0.01, 0), (0, 0)],
)
def test_number_of_patches(seconds: float, n_patches: int) -> None:
    assert VGGISH.n_patches(seconds) == n_patches
    waveform = np.zeros(VGGISH.n_samples(seconds), np.float32)
    if n_patches:
        assert waveform_to_patches(waveform, VGGISH).shape == (n_patches, 96, 64)


def test_too_short_a_waveform_is_refused_with_both_lengths() -> None:
    with pytest.raises(ValueError, match="15599 samples .* needs 15600 at 16000 Hz"):
        waveform_to_patches(np.zeros(15_599, np.float32), VGGISH)
    assert waveform_to_patches(np.zeros(15_600, np.float32), VGGISH).shape == (1, 96, 64)


def test_patches_are_the_frames_in_order() -> None:
    noise = np.random.default_rng(4).standard_normal(48_000).astype(np.float32)
    patches = waveform_to_patches(noise, VGGISH)
    np.testing.assert_array_equal(patches.reshape(-1, 64), vggish_log_mel(noise)[: 3 * 96])


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
