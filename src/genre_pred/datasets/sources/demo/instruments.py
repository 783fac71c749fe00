"""Synthesised instruments: each one turns a pitch and a length into a waveform.

An instrument is called as `sound(hertz, seconds, rng)` and returns float32 (samples,) at RATE,
roughly within -1..1. It does not fade out; the caller does that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

RATE = 44_100
TABLE = 4096  # samples of a wavetable; a power of two, so that a bit mask wraps the phase

Array = npt.NDArray[Any]
Sound = Callable[[float, float, np.random.Generator], Array]
Recipe = Callable[[Array, float], Array]  # harmonic numbers (k,), pitch in Hz -> amplitudes (k,)


def seconds_axis(seconds: float) -> Array:
    """Time in seconds of every sample, float32 (samples,)."""
    return np.arange(round(seconds * RATE), dtype=np.float32) / np.float32(RATE)


def noise(rng: np.random.Generator, n: int, low: float, high: float) -> Array:
    """White noise of n samples between two frequencies in Hz, of RMS about 1."""
    # A little longer than needed, because an FFT length with large prime factors is slow.
    size = fft.next_fast_len(n, real=True)
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    first, last = round(low * size / RATE), round(high * size / RATE)
    last = max(last, first + 2)
    spectrum[:first] = 0
    spectrum[last:] = 0
    samples: Array = fft.irfft(spectrum, size)[:n] * np.float32(np.sqrt(size / 2 / (last - first)))
    return samples


@dataclass(frozen=True)
class Voice:
    """A wavetable instrument: overtones that decay, under an envelope.

    Times are in seconds; `decay` and `mellowing` are time constants. `vibrato` and `chorus`
    (the spread of three detuned copies) are in cents, `breath` is the share of added noise.
    """

    recipe: Recipe
    attack: float = 0.005
    decay: float = 1e3
    mellowing: float = 1e3
    vibrato: float = 0
    chorus: float = 0
    breath: float = 0

    def __call__(self, hertz: float, seconds: float, rng: np.random.Generator) -> Array:
        t = seconds_axis(seconds)
        k = np.arange(1, max(2, min(200, int(16_000 / hertz))))
        amplitudes = self.recipe(k, hertz)
        mellow = _cycle(amplitudes / k)
        overtones = _cycle(amplitudes) - mellow
        glow = np.exp(-t / np.float32(self.mellowing))
        wave = np.zeros_like(t)
        for cents in (-self.chorus, 0, self.chorus) if self.chorus else (0,):
            turns = np.float32(hertz * 2 ** (cents / 1200)) * t + np.float32(rng.random())
            if self.vibrato:
                depth = hertz * self.vibrato / 1200 * np.log(2) / (2 * np.pi * 5.5)
                turns += np.float32(depth) * np.sin(np.float32(2 * np.pi * 5.5) * t)
            at = (turns * TABLE).astype(np.int32) & (TABLE - 1)
            wave += mellow[at] + glow * overtones[at]
        wave *= np.minimum(t / np.float32(self.attack), 1) * np.exp(-t / np.float32(self.decay))
        if self.breath:
            airy = noise(rng, len(t), hertz, 6 * hertz + 2000)
            wave += np.float32(self.breath) * airy * np.minimum(t / np.float32(self.attack), 1)
        return wave


def _cycle(amplitudes: Array) -> Array:
    """One period of TABLE samples with these harmonics, of RMS 0.3 so that timbres balance."""
    spectrum = np.zeros(TABLE // 2 + 1, dtype=np.complex64)
    # Schroeder's phases lower the peaks of timbres with many harmonics, against clipping.
    k = np.arange(1, len(amplitudes) + 1)
    spectrum[1 : len(amplitudes) + 1] = amplitudes * np.exp(-1j * np.pi * k * k / len(k))
    wave = fft.irfft(spectrum)
    samples: Array = (wave * (0.3 / (np.sqrt(np.mean(wave**2)) + 1e-12))).astype(np.float32)
    return samples


@dataclass(frozen=True)
class Pluck:
    """A plucked string (Karplus and Strong, 1983): a burst of noise in a damped loop.

    Each round multiplies the spectrum of the burst by the loop filter: round n by its n-th power.
    `brightness` 0..1 is the hardness of the plectrum; `ring` is the time constant in seconds.
    """

    brightness: float
    ring: float

    def __call__(self, hertz: float, seconds: float, rng: np.random.Generator) -> Array:
        n, period = round(seconds * RATE), int(RATE / hertz)
        rounds = -(-n // period)
        k = np.arange(period // 2 + 1)
        burst = fft.rfft(rng.standard_normal(period)) / (1 + k) ** (1 - self.brightness)
        burst[0] = 0
        loop = np.log(np.cos(np.pi * k / (period + 1)) + 1e-9) * 0.7 - 1 / (hertz * self.ring)
        # The fractional part of the period.
        lag = -2j * np.pi * k * (RATE / hertz - period) / period
        spectra = burst * np.exp(np.outer(np.arange(rounds), loop + lag)).astype(np.complex64)
        wave = fft.irfft(spectra, period, axis=1).astype(np.float32)  # (rounds, period)
        wave *= 0.3 / np.sqrt(np.mean(wave[0] ** 2))
        samples: Array = wave.reshape(-1)[:n]
        return samples


@dataclass(frozen=True)
class Bell:
    """Frequency modulation (Chowning, 1973): harmonic for integer ratios, else metallic."""

    ratio: float
    index: float
    decay: float

    def __call__(self, hertz: float, seconds: float, rng: np.random.Generator) -> Array:
        t = seconds_axis(seconds)
        fading = np.exp(-t / np.float32(self.decay))
        turn = np.float32(2 * np.pi * hertz) * t
        modulator = np.float32(self.index) * fading * np.sin(np.float32(self.ratio) * turn)
        samples: Array = np.float32(0.4) * fading * np.sin(turn + modulator)
        return samples


@dataclass(frozen=True)
class Texture:
    """Noise around a pitch, with attack and decay; `width` in octaves on either side."""

    width: float
    swell: float = 0.3

    def __call__(self, hertz: float, seconds: float, rng: np.random.Generator) -> Array:
        t = seconds_axis(seconds)
        low, high = hertz * 2**-self.width, min(hertz * 2**self.width, 15_000)
        shape = np.minimum(t / np.float32(self.swell), 1) * np.exp(-t / np.float32(seconds))
        samples: Array = np.float32(0.25) * noise(rng, len(t), low, high) * shape
        return samples


def _crackle(hertz: float, seconds: float, rng: np.random.Generator) -> Array:
    """Sparse clicks that resonate two octaves above the pitch, like a worn record."""
    n = round(seconds * RATE)
    clicks = np.zeros(n, np.float32)
    at = rng.integers(0, n, round(18 * seconds))
    clicks[at] = rng.standard_normal(len(at))
    away = (fft.rfftfreq(n, 1 / RATE) - 4 * hertz) / (2 * hertz)
    samples: Array = fft.irfft(fft.rfft(clicks) / (1 + away**2).astype(np.float32), n)
    return samples


def _formants(*peaks: tuple[float, float]) -> Recipe:
    """A vowel: resonances (Hz, gain) over the falling spectrum of the vocal cords."""

    def recipe(k: Array, hertz: float) -> Array:
        throat = sum(gain / (1 + ((k * hertz - at) / 90) ** 2) for at, gain in peaks)
        return np.asarray((throat + 0.01) / k**0.6)

    return recipe


_VOWELS = (
    _formants((750, 1), (1150, 0.7), (2700, 0.3)),  # a
    _formants((450, 1), (1900, 0.5), (2550, 0.3)),  # e
    _formants((480, 1), (820, 0.6), (2500, 0.15)),  # o
)


def _singing(breath: float, vibrato: float, attack: float) -> Sound:
    """A syllable on a random vowel."""
    voices = [Voice(v, attack, 2, 4, vibrato=vibrato, breath=breath) for v in _VOWELS]
    return lambda hertz, seconds, rng: voices[rng.integers(3)](hertz, seconds, rng)


def _falling(power: float) -> Recipe:
    return lambda k, hertz: k**-power


def _odd(power: float) -> Recipe:
    return lambda k, hertz: (k % 2 + 0.05) * k**-power


def _amp(k: Array, hertz: float) -> Array:
    """A distorted guitar: a flat, dense spectrum through a speaker that rolls off at 4 kHz."""
    return 1 / (k**0.35 * (1 + (k * hertz / 4000) ** 4))


def _drawbars(k: Array, hertz: float) -> Array:
    return np.isin(k, (1, 2, 3, 4, 6, 8)) / np.sqrt(k)


INSTRUMENTS: dict[str, Sound] = {
    # strings, plucked and struck
    "nylon": Pluck(brightness=0.35, ring=0.5),
    "steel": Pluck(brightness=0.75, ring=0.9),
    "banjo": Pluck(brightness=1.0, ring=0.18),
    "sitar": Pluck(brightness=0.95, ring=1.4),
    "harp": Pluck(brightness=0.2, ring=1.2),
    "piano": Voice(_falling(1.3), 0.003, decay=0.9, mellowing=0.3, chorus=1.5),
    "upright bass": Pluck(brightness=0.25, ring=0.35),
    "bass guitar": Voice(_falling(1.1), 0.006, decay=0.8, mellowing=0.2),
    # strings, bowed and blown
    "fiddle": Voice(_falling(0.8), 0.06, vibrato=18, breath=0.02),
    "strings": Voice(_falling(1.1), 0.25, vibrato=8, chorus=9),
    "flute": Voice(_falling(2.2), 0.07, vibrato=12, breath=0.06),
    "reed": Voice(_odd(0.7), 0.03, vibrato=25, breath=0.02),
    "accordion": Voice(_falling(0.7), 0.05, chorus=12),
    # electric
    "distorted": Voice(_amp, 0.004, decay=2.5, mellowing=3, chorus=4),
    "clean guitar": Pluck(brightness=0.55, ring=0.7),
    "organ": Voice(_drawbars, 0.01, vibrato=6),
    "electric piano": Bell(ratio=1, index=1.6, decay=0.9),
    # synthesisers
    "saw": Voice(_falling(0.75), 0.005, decay=1.5, mellowing=0.35, chorus=11),
    "square": Voice(_odd(0.8), 0.004, decay=0.7, mellowing=0.5),
    "acid": Voice(_falling(0.5), 0.003, decay=0.4, mellowing=0.07),
    "sub": Voice(_falling(3.5), 0.008, decay=1.1),
    "warm pad": Voice(_falling(1.6), 0.4, chorus=14),
    "bright pad": Voice(_falling(0.9), 0.3, chorus=16),
    # metal, throat, noise
    "bell": Bell(ratio=3.5, index=1.5, decay=0.8),
    "gamelan": Bell(ratio=1.41, index=2.5, decay=0.6),
    "mallet": Bell(ratio=4, index=0.6, decay=0.25),
    "clang": Bell(ratio=2.76, index=7, decay=1.5),
    "singer": _singing(breath=0.03, vibrato=22, attack=0.05),
    "rapper": _singing(breath=0.08, vibrato=0, attack=0.012),
    "choir": _singing(breath=0.05, vibrato=12, attack=0.3),
    "wind": Texture(width=0.6, swell=0.8),
    "hum": Texture(width=0.03, swell=0.5),
    "static": Texture(width=2.5, swell=0.01),
    "crackle": _crackle,
}
