"""Log-mels: against slow ones written out by the formulas, librosa, and the reference arrays."""

import math
import os
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from genre_pred.audio.logmel.log_mels import decibel_mel, efficientat_log_mel, vggish_log_mel


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
def test_vggish_equals_the_reference(kind: str) -> None:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no reference arrays")
    golden = Path(os.environ["GENRE_PRED_TEST_DATA"]).parent / "golden" / "vggish_log_mel.npz"
    with np.load(golden) as arrays:
        log_mel = vggish_log_mel(arrays[f"{kind}__waveform"])[: 3 * 96]
        expected = arrays[f"{kind}__log_mel"].reshape(-1, 64)
        np.testing.assert_allclose(log_mel, expected, atol=2e-6)


def test_silence_is_the_log_of_the_offset() -> None:
    zeros = np.zeros(32_000, np.float32)
    np.testing.assert_allclose(vggish_log_mel(zeros), math.log(0.01), rtol=1e-6)
    np.testing.assert_allclose(efficientat_log_mel(zeros), (math.log(1e-5) + 4.5) / 5, rtol=1e-6)
    np.testing.assert_allclose(decibel_mel(zeros), -100, rtol=1e-6)


def test_gain_adds_its_logarithm_where_there_is_sound() -> None:
    noise = np.random.default_rng(2).standard_normal(16_000).astype(np.float32) * 0.1
    louder, quieter = vggish_log_mel(2 * noise), vggish_log_mel(noise)
    np.testing.assert_allclose((louder - quieter).mean(), math.log(2), atol=0.01)


def test_a_small_shift_hardly_matters() -> None:
    noise = np.random.default_rng(3).standard_normal(32_100).astype(np.float32) * 0.1
    moved = np.abs(vggish_log_mel(noise[:32_000]) - vggish_log_mel(noise[8:32_008]))
    other = np.abs(vggish_log_mel(noise[:16_000]) - vggish_log_mel(noise[16_000:32_000]))
    assert moved.mean() < 0.2 * other.mean()


def slow_efficientat(waveform: np.ndarray) -> np.ndarray:
    """EfficientAT's log-mel in float64, frame by frame, bin by bin and band by band."""
    emphasised = waveform[1:].astype(np.float64) - 0.97 * waveform[:-1]
    mirrored = np.concatenate([emphasised[512:0:-1], emphasised, emphasised[-2:-514:-1]])
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / 799) for n in range(800)])
    window = np.concatenate([np.zeros(112), window, np.zeros(112)])
    step = 1127 * math.log(1 + 15_000 / 700) / 129
    bins = 1127 * np.log(1 + np.arange(513) * 31.25 / 700)
    rows = []
    for start in range(0, len(mirrored) - 1024 + 1, 320):
        power = np.abs(np.fft.fft(mirrored[start : start + 1024] * window)[:513]) ** 2
        bands = [
            np.maximum(0, 1 - np.abs(bins - (band + 1) * step) / step) @ power
            for band in range(128)
        ]
        rows.append((np.log(np.array(bands) + 1e-5) + 4.5) / 5)
    return np.array(rows)


@pytest.mark.parametrize("n_samples", [3199, 3200, 3201])
def test_efficientat_log_mel_equals_the_formulas(n_samples: int) -> None:
    noise = 0.1 * np.random.default_rng(6).standard_normal(n_samples).astype(np.float32)
    log_mel = efficientat_log_mel(noise)
    assert log_mel.shape == (math.ceil(n_samples / 320), 128)
    assert log_mel.dtype == np.float32
    np.testing.assert_allclose(log_mel, slow_efficientat(noise), atol=1e-4)


KINDS = ("chirp", "white_noise")


@pytest.fixture
def golden() -> Path:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no reference arrays")
    return Path(os.environ["GENRE_PRED_TEST_DATA"]).parent / "golden" / "efficientat_mn04.npz"


def test_efficientat_equals_the_reference(golden: Path) -> None:
    """By the instructions that all of MKL's processors have: its FFT rounds as it did there."""
    if not torch.backends.mkl.is_available():
        pytest.skip("this torch has no MKL: its FFT rounds otherwise")
    code = f"""
import sys
import numpy as np
from genre_pred.audio.logmel.log_mels import efficientat_log_mel

with np.load(sys.argv[1]) as arrays:
    for kind in {KINDS}:
        log_mel = efficientat_log_mel(arrays[f"{{kind}}__waveform_32khz"])
        print(np.abs(log_mel - arrays[f"{{kind}}__log_mel"].T).max())
"""
    told = os.environ | {"MKL_CBWR": "COMPATIBLE"}
    asked = [sys.executable, "-c", code, golden]
    done = subprocess.run(asked, env=told, stdout=subprocess.PIPE, text=True, check=True)
    differences = [float(line) for line in done.stdout.split()]
    assert len(differences) == len(KINDS)
    assert max(differences) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_efficientat_equals_the_reference_on_this_processor_where_audible(
    golden: Path, kind: str
) -> None:
    """In silent bands the rounding of this processor's own float32 FFT shows: 2.0e-4 on a Xeon."""
    with np.load(golden) as arrays:
        log_mel = efficientat_log_mel(arrays[f"{kind}__waveform_32khz"])
        reference = arrays[f"{kind}__log_mel"].T
    difference = np.abs(log_mel - reference)
    assert difference[reference > 0].max() < 1e-5
    assert difference.max() < 2.5e-4


@pytest.mark.parametrize("kind", ["noise", "tone", "quiet"])
def test_decibel_mel_is_librosas(kind: str) -> None:
    t = np.arange(22_050 * 3 + 17) / 22_050
    noise = np.random.default_rng(7).standard_normal(t.size)
    waveform = {
        "noise": 0.1 * noise,
        "tone": 0.9 * np.sin(2 * np.pi * 440 * t),
        "quiet": 1e-6 * noise,  # much of it below -100 dB
    }[kind].astype(np.float32)
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=22_050, n_fft=2048, hop_length=512, n_mels=128
    )
    np.testing.assert_allclose(
        decibel_mel(waveform), librosa.power_to_db(mel, top_db=None).T, atol=1e-3
    )
