"""Descriptors: against MFCCs written out by the formulas, and statistics computed by hand."""

import numpy as np
import pytest
import scipy.fft
import scipy.stats

from genre_pred.audio.descriptors import DESCRIPTORS, STATISTICS, mfcc, summarise_frames

RATE = 22_050


@pytest.fixture
def samples() -> np.ndarray:
    """Half a second of tones and noise."""
    t = np.arange(RATE // 2) / RATE
    noise = np.random.default_rng(254).standard_normal(t.size)
    return (0.5 * np.sin(2 * np.pi * (300 + 800 * t) * t) + 0.02 * noise).astype(np.float32)


def slaney_mel(hertz: np.ndarray) -> np.ndarray:
    logarithmic = 15 + 27 * np.log(np.maximum(hertz, 1e-9) / 1000) / np.log(6.4)
    return np.where(hertz < 1000, hertz * 3 / 200, logarithmic)


def slow_mfcc(samples: np.ndarray) -> np.ndarray:
    """20 MFCC in float64: reflected edges, Hann, power, 128 Slaney bands, dB within 80, DCT-II."""
    padded = np.pad(samples.astype(np.float64), 1024, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    frames = np.array([padded[i : i + 2048] for i in range(0, len(padded) - 2047, 512)])
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    grid = np.linspace(0, RATE / 2, 200_001)
    edges = np.interp(np.linspace(0, slaney_mel(np.array(RATE / 2)), 130), slaney_mel(grid), grid)
    hertz = np.arange(1025) * RATE / 2048
    bands = []
    for low, centre, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        sides = np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre))
        bands.append(np.maximum(0, sides) * 2 / (high - low))
    decibel = 10 * np.log10(np.maximum(1e-10, power @ np.array(bands).T))
    decibel = np.maximum(decibel, decibel.max() - 80)
    return scipy.fft.dct(decibel, type=2, norm="ortho")[:, :20].T


def test_mfcc_equal_the_formulas(samples: np.ndarray) -> None:
    expected = summarise_frames("mfcc", slow_mfcc(samples))
    found = mfcc(samples, RATE)
    assert list(found.index) == list(expected.index)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_names_and_order_are_fmas(samples: np.ndarray) -> None:
    found = DESCRIPTORS["mfcc"](samples, RATE)
    assert found.shape == (140,)
    assert found.dtype == np.float32
    assert list(found.index[:2]) == ["mfcc_mean_01", "mfcc_mean_02"]
    assert found.index[19:21].tolist() == ["mfcc_mean_20", "mfcc_std_01"]
    assert found.index[-1] == "mfcc_max_20"


def test_statistics_computed_by_hand() -> None:
    row = np.array([[1.0, 1.0, 1.0, 5.0]])  # deviations -1 -1 -1 3
    expected = {
        "mean": 2,
        "std": 3**0.5,
        "skew": 6 / 3**1.5,  # (-3 + 27) / 4
        "kurtosis": 21 / 9 - 3,  # (3 + 81) / 4
        "median": 1,
        "min": 1,
        "max": 5,
    }
    found = summarise_frames("x", row)
    assert found.to_dict() == pytest.approx({f"x_{k}_01": v for k, v in expected.items()})


def test_statistics_are_scipys() -> None:
    rows = np.random.default_rng(0).gamma(2, size=(5, 300))
    found = summarise_frames("x", rows).to_numpy().reshape(len(STATISTICS), 5)
    np.testing.assert_allclose(found[2], scipy.stats.skew(rows, axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[3], scipy.stats.kurtosis(rows, axis=1), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -1131.37085, 1e30])
def test_a_row_that_does_not_vary_has_neither_skew_nor_kurtosis(value: float) -> None:
    found = summarise_frames("x", np.full((2, 37), value, np.float32)).to_numpy().reshape(7, 2)
    np.testing.assert_array_equal(found[2:4], 0)
    np.testing.assert_allclose(found[0], value, rtol=1e-6)


def test_silence_is_safe() -> None:
    found = mfcc(np.zeros(RATE, np.float32), RATE)
    assert np.isfinite(found).all()
    assert found["mfcc_mean_01"] == pytest.approx(-100 * 128**0.5, rel=1e-5)  # -100 dB everywhere
    assert (found[[name for name in found.index if "kurtosis" in name]] == 0).all()


def test_gain_moves_only_the_first_coefficient(samples: np.ndarray) -> None:
    quiet, loud = mfcc(samples, RATE), mfcc(samples * 2, RATE)
    moved = (loud - quiet).filter(like="mean")
    assert moved["mfcc_mean_01"] == pytest.approx(20 * np.log10(2) * 128**0.5, rel=1e-3)
    assert moved.iloc[1:].abs().max() < 1e-2


def test_less_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="2047 samples are too few: one window needs 2048"):
        mfcc(np.zeros(2047, np.float32), RATE)
