"""Synthesised drums, and the grooves they play.

A kit has five drums; a groove gives the sixteenths of a bar at which each drum is struck.
"""

from dataclasses import dataclass

import numpy as np

from genre_pred.datasets.sources.demo.instruments import Array, noise, seconds_axis

GROOVES: dict[str, dict[str, str]] = {
    "four on the floor": {
        "kick": "x...x...x...x...",
        "snare": "....x.......x...",
        "hat": "..x...x...x...x.",
    },
    "techno": {
        "kick": "x...x...x...x...",
        "hat": "x.xxx.xxx.xxx.xx",
        "tick": "...x..x....x..x.",
    },
    "breakbeat": {
        "kick": "x.x.......xx....",
        "snare": "....x..x.x..x..x",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "boom bap": {
        "kick": "x......x..x.....",
        "snare": "....x.......x...",
        "hat": "x.x.x.x.x.x.x.xx",
    },
    "trap": {
        "kick": "x.....x...x..x..",
        "snare": "........x.......",
        "hat": "xxx.xxxxx.x.xxxx",
        "tick": "......x.......x.",
    },
    "backbeat": {
        "kick": "x.......x.x.....",
        "snare": "....x.......x...",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "driving rock": {
        "kick": "x.x...x.x.x...x.",
        "snare": "....x.......x...",
        "hat": "x...x...x...x...",
        "tom": "..............xx",
    },
    "half time": {
        "kick": "x.....x.........",
        "snare": "........x.......",
        "hat": "x...x...x...x...",
    },
    "hand drums": {
        "tom": "x..x..x.x..x.xx.",
        "tick": "..x..x....x..x..",
        "kick": "x.......x.......",
    },
    "dumbek": {
        "tom": "x.....x.x...x...",
        "tick": "..xx.x....xx..xx",
    },
    "clave": {
        "tick": "x..x..x...x.x...",
        "tom": "..xx..x...xx..x.",
        "kick": "x.....x.x.....x.",
    },
    "stomp": {
        "kick": "x.......x.......",
        "tick": "....x.......x...",
    },
    "shaker": {
        "hat": "x.xxx.xxx.xxx.xx",
    },
    "none": {},
}


@dataclass(frozen=True)
class Kit:
    """The tuning of a drum kit: pitches in Hz, decays in seconds, rattle (snare noise) 0..1."""

    kick_hertz: float
    kick_seconds: float
    snare_hertz: float
    snare_seconds: float
    rattle: float
    hat_hertz: float
    hat_seconds: float
    tom_hertz: float


KITS: dict[str, Kit] = {
    "rock kit": Kit(62, 0.14, 190, 0.13, 0.7, 5500, 0.09, 110),
    "tight kit": Kit(70, 0.09, 220, 0.08, 0.6, 7000, 0.04, 140),
    "brushes": Kit(75, 0.10, 180, 0.10, 0.95, 3500, 0.10, 120),
    "dusty": Kit(58, 0.12, 165, 0.10, 0.8, 3000, 0.05, 100),
    "machine": Kit(48, 0.20, 200, 0.15, 0.85, 8000, 0.05, 90),
    "deep machine": Kit(42, 0.45, 240, 0.11, 0.9, 9000, 0.025, 80),
    "skins": Kit(85, 0.16, 300, 0.05, 0.3, 4500, 0.03, 170),
}


def strikes(kit: Kit, rng: np.random.Generator) -> dict[str, Array]:
    """One waveform for each drum of the kit, float32 (samples,), peaks about 1."""
    return {
        "kick": _skin(kit.kick_hertz, kit.kick_seconds, bend=2.5),
        "snare": (1 - kit.rattle) * _skin(kit.snare_hertz, kit.snare_seconds, bend=0.3)
        + _rattle(rng, 900, 9000, kit.snare_seconds) * kit.rattle,
        "hat": 0.5 * _rattle(rng, kit.hat_hertz, 15_000, kit.hat_seconds),
        "tom": 0.8 * _skin(kit.tom_hertz * rng.uniform(0.9, 1.1), 0.14, bend=0.6),
        "tick": 0.5 * _rattle(rng, kit.hat_hertz / 2.5, kit.hat_hertz / 1.5, 0.02),
    }


def _skin(hertz: float, decay: float, bend: float) -> Array:
    """A drum skin: a decaying sine that starts `bend` times its pitch too high."""
    t = seconds_axis(decay * 5)
    turns = np.float32(hertz) * (t - np.float32(bend * 0.03) * np.expm1(-t / np.float32(0.03)))
    samples: Array = np.sin(np.float32(2 * np.pi) * turns) * np.exp(-t / np.float32(decay))
    return samples


def _rattle(rng: np.random.Generator, low: float, high: float, decay: float) -> Array:
    """A burst of noise between two frequencies in Hz."""
    t = seconds_axis(decay * 5)
    return np.float32(0.5) * noise(rng, len(t), low, high) * np.exp(-t / np.float32(decay))
