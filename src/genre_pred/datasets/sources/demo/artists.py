"""Artists: each one draws a sound from the rules of a genre and keeps it in all pieces.

So pieces of one artist are similar. A split that shares artists between training and test is
optimistic, as on real collections.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from genre_pred.datasets.sources.demo.rules import PARTS, PRODUCTION, RULES, Range, Rules

# Tuned so that good classifiers reach 75 to 95 % on unseen artists of the default collection.
BORROWING = 0.06  # probability that a habit comes from a related genre
COLOUR_DB = 1.2  # standard deviation of the resonances of an artist's studio

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Artist:
    """The habits of an artist. Units as in Rules; parts are "pattern: instrument"."""

    number: int
    name: str
    genre: str
    split: str
    tempo: float
    bar: int
    swing: float
    scale: str
    tonic: float  # MIDI, fractional: artists tune differently
    progressions: tuple[str, str]
    groove: str
    kit: str
    parts: tuple[str, ...]  # in the order of PARTS
    levels: tuple[float, ...]  # dB, of the parts
    drums_level: float  # dB
    tone: tuple[tuple[float, float], ...]  # (Hz, dB): the curves of the genre and of the artist
    tilt: float
    room: float
    wet: float
    drive: float
    loudness: float
    pump: float
    hiss: float


def draw_artist(
    rng: np.random.Generator, *, number: int, name: str, genre: str, split: str
) -> Artist:
    """Draw an artist's habits."""

    def rules() -> Rules:
        """The rules for one habit: of the genre, or of a related one."""
        borrowed = rng.random() < BORROWING
        return RULES[one_of(RULES[genre].leans_to) if borrowed else genre]

    def within(span: Range) -> float:
        return float(rng.uniform(*span))

    def one_of(choices: Sequence[Choice]) -> Choice:
        return choices[int(rng.integers(len(choices)))]

    beat, harmony = rules(), rules()  # tempo, groove and kit come from one genre
    parts = tuple(one_of(getattr(rules(), part)) for part in PARTS)
    if not any(parts):
        parts = ("", RULES[genre].chords[0], "", "")
    return Artist(
        number=number,
        name=name,
        genre=genre,
        split=split,
        tempo=within(beat.tempo),
        bar=one_of(beat.bars),
        swing=within(rules().swing),
        scale=one_of(harmony.scales),
        tonic=float(rng.integers(53, 65) + rng.normal(0, 0.15)),
        progressions=(one_of(harmony.progressions), one_of(harmony.progressions)),
        groove=one_of(beat.grooves),
        kit=one_of(beat.kits),
        parts=parts,
        levels=tuple(rng.normal(0, 1.5, len(PARTS)).tolist()),
        drums_level=float(rng.normal(0, 1.5)),
        tone=(*RULES[genre].tone, *_colour(rng)),
        **{name: within(getattr(rules(), name)) for name in PRODUCTION},
    )


def _colour(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Five resonances (Hz, dB): the microphones, amplifiers and rooms of an artist."""
    return [
        (float(80 * 2 ** rng.uniform(0, 6.5)), float(rng.normal(0, COLOUR_DB))) for _ in range(5)
    ]
