"""An artist: one choice out of a genre's rules, kept through all of his pieces.

That constancy is the point: a classifier that has heard an artist knows his next piece, and a
split that shares artists between training and test flatters it, as it does on real collections.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from genre_pred.datasets.sources.demo.rules import PARTS, RULES, Range, Rules

# Tuned on the default collection, so that good classifiers find 75 to 95 % of unheard artists.
BORROWING = 0.06  # chance that a habit comes from a genre that the artist's own leans to
COLOUR_DB = 1.2  # spread of the resonances of an artist's studio

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Artist:
    """A sound of one's own. Units are those of Rules; parts are "pattern: instrument"."""

    number: int
    name: str
    genre: str
    split: str
    tempo: float
    bar: int
    swing: float
    scale: str
    tonic: float  # MIDI, fractional: nobody tunes to the same A
    progressions: tuple[str, str]
    groove: str
    kit: str
    parts: tuple[str, ...]  # in the order of PARTS
    levels: tuple[float, ...]  # dB, of the parts
    drums_level: float  # dB
    tone: tuple[tuple[float, float], ...]  # (Hz, dB): the genre's curve and the artist's own
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
    """Choose an artist's habits."""

    def rules() -> Rules:
        """Those that one habit follows: the genre's own, or another's."""
        borrowed = rng.random() < BORROWING
        return RULES[one_of(RULES[genre].leans_to) if borrowed else genre]

    def within(span: Range) -> float:
        return float(rng.uniform(*span))

    def one_of(choices: Sequence[Choice]) -> Choice:
        return choices[int(rng.integers(len(choices)))]

    beat, harmony = rules(), rules()  # tempo, groove and kit go together
    parts = (
        one_of(rules().bass), one_of(rules().chords), one_of(rules().lead), one_of(rules().pad)
    )  # fmt: skip
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
        tilt=within(rules().tilt),
        room=within(rules().room),
        wet=within(rules().wet),
        drive=within(rules().drive),
        loudness=within(rules().loudness),
        pump=within(rules().pump),
        hiss=within(rules().hiss),
    )


def _colour(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Five resonances (Hz, dB): the microphones, amplifiers and rooms that an artist owns."""
    return [
        (float(80 * 2 ** rng.uniform(0, 6.5)), float(rng.normal(0, COLOUR_DB))) for _ in range(5)
    ]
