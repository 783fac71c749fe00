"""Patterns of notes: each one turns a bar into the notes of one musician.

Times are in sixteenths from the start of the bar, pitches in (fractional) MIDI numbers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Note(NamedTuple):
    start: float
    length: float
    pitch: float
    loudness: float = 1.0


@dataclass(frozen=True)
class Bar:
    """One bar: its length in sixteenths, and the scale degree, scale and tonic of its chord."""

    steps: int
    degree: int
    scale: tuple[float, ...]
    tonic: float

    def pitch(self, degree: int) -> float:
        """The MIDI number of a scale degree: 0 is the tonic; any octave."""
        octave, index = divmod(degree, len(self.scale))
        return self.tonic + 12 * octave + self.scale[index]

    @property
    def chord(self) -> list[float]:
        """The pitches of the triad, at most 14 semitones above the tonic: chords stay close."""
        pitches = [self.pitch(self.degree + step) for step in (0, 2, 4)]
        return [p - 12 if p - self.tonic > 14 else p for p in pitches]

    @property
    def bass(self) -> float:
        """The pitch of the bass, near the tonic."""
        pitch = self.pitch(self.degree)
        return pitch - 12 if pitch - self.tonic > 6 else pitch


Pattern = Callable[[Bar, np.random.Generator], Iterator[Note]]


def hold(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """The chord, for the whole bar."""
    yield from (Note(0, bar.steps, pitch) for pitch in bar.chord)


def strum(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Strummed chords: louder down-strokes, and up-strokes of which some are left out."""
    for stroke in range(0, bar.steps, 2):
        up = stroke % 4 == 2
        if up and rng.random() < 0.35:
            continue
        strings = bar.chord[::-1] if up else [*bar.chord, bar.chord[0] + 12]
        for string, pitch in enumerate(strings):
            yield Note(stroke + 0.12 * string, 3, pitch, 0.6 if up else 1.0)


def picking(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Fingerpicking: the thumb on the beat, the other fingers between."""
    strings = [*bar.chord, bar.chord[0] + 12]
    order = rng.permutation(len(strings))
    for stroke in range(0, bar.steps, 2):
        if stroke % 8 == 0:
            yield Note(stroke, 8, bar.bass - 12, 1.0)
        yield Note(stroke, 5, strings[order[stroke // 2 % len(order)]], rng.uniform(0.5, 0.9))


def chug(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Root, fifth and octave in palm-muted eighths."""
    for stroke in range(0, bar.steps, 2):
        for pitch in (bar.bass, bar.bass + 7, bar.bass + 12):
            yield Note(stroke, 1.8, pitch - 12, 1.0 if stroke % 8 == 0 else 0.75)


def power(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Root, fifth and octave, struck twice and sustained."""
    for start, length in ((0, 6), (6, bar.steps - 6)):
        for pitch in (bar.bass, bar.bass + 7, bar.bass + 12):
            yield Note(start, length, pitch - 12)


def stabs(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Short chords off the beat."""
    for stroke in range(2, bar.steps, 4):
        yield from (Note(stroke, 1.5, pitch) for pitch in bar.chord)


def comping(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Chords in a syncopated figure."""
    for start, length in ((0, 5), (6, 3), (11, 4)):
        yield from (Note(start, length, pitch, rng.uniform(0.7, 1)) for pitch in bar.chord)


def arpeggio(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """The chord's notes up through two octaves, in sixteenths."""
    ladder = [*bar.chord, *(pitch + 12 for pitch in bar.chord)]
    for step in range(bar.steps):
        yield Note(step, 1.5, ladder[step % len(ladder)], 1.0 if step % 4 == 0 else 0.7)


def roots(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A bass on the first beat, and a pick-up to the next bar."""
    yield Note(0, bar.steps - 4, bar.bass)
    yield Note(bar.steps - 4, 4, bar.bass if rng.random() < 0.5 else bar.bass + 7)


def eighths(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A bass in eighths on one note."""
    for step in range(0, bar.steps, 2):
        yield Note(step, 1.8, bar.bass, 1.0 if step % 4 == 0 else 0.8)


def offbeats(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A bass on the off-beats."""
    for step in range(2, bar.steps, 4):
        yield Note(step, 1.8, bar.bass)


def octaves(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A bass that jumps between two octaves."""
    for step in range(0, bar.steps, 2):
        yield Note(step, 1.6, bar.bass + (12 if step % 4 == 2 else 0))


def slides(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A long, low note and a syncopated echo."""
    yield Note(0, 9, bar.bass)
    yield Note(float(rng.choice([10, 11, 13])), 4, bar.bass, 0.8)


def melody(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A melody of small steps, starting on a note of the chord, with rests."""
    degree, step = bar.degree + int(rng.choice([0, 2, 4])), int(rng.choice([0, 0, 2]))
    while step < bar.steps:
        length = int(rng.choice([2, 2, 4, 4, 6, 8]))
        if rng.random() < 0.85:
            yield Note(step, length, bar.pitch(degree), rng.uniform(0.7, 1))
        degree = int(np.clip(degree + rng.choice([-2, -1, -1, 1, 1, 2]), -2, 11))
        step += length


def ornaments(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A melody with quick turns on its long notes."""
    for note in melody(bar, rng):
        if note.length >= 4:
            for turn, shift in enumerate((0, 1.5, 0, -1)):
                yield Note(note.start + turn * 0.7, 0.8, note.pitch + shift, 0.8)
            yield Note(note.start + 2.8, note.length - 2.8, note.pitch, note.loudness)
        else:
            yield note


def hook(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A short figure, repeated in every bar."""
    for start, step in ((0, 4), (3, 2), (6, 4), (8, 0), (11, 2), (14, 1)):
        yield Note(start, 2.5, bar.pitch(bar.degree + step), rng.uniform(0.8, 1))


def syllables(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Rhythmic speech: many syllables on nearly one pitch, some left out."""
    for step in range(bar.steps):
        if rng.random() < 0.72:
            yield Note(step, 0.9, bar.tonic + rng.normal(0, 1.2), rng.uniform(0.5, 1))


def scattered(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Events without beat and key."""
    for _ in range(rng.poisson(5)):
        start, pitch = rng.uniform(0, bar.steps), bar.tonic + rng.uniform(-18, 24)
        yield Note(start, rng.uniform(0.5, 10), pitch, rng.uniform(0.2, 1))


def clusters(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """A few close pitches together, which beat."""
    for _ in range(3):
        yield Note(0, bar.steps, bar.tonic + rng.uniform(-7, 7), rng.uniform(0.5, 1))


def rolls(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """One note, repeated faster and faster, or slower and slower."""
    gap, ratio, at = rng.uniform(0.3, 2), rng.uniform(0.85, 1.15), rng.uniform(0, 8)
    pitch = bar.tonic + rng.uniform(-12, 24)
    while at < bar.steps and gap > 0.15:
        yield Note(at, 0.6 * gap, pitch, rng.uniform(0.5, 1))
        at, gap = at + gap, gap * ratio


PATTERNS: dict[str, Pattern] = {
    pattern.__name__: pattern
    for pattern in (
        hold, strum, picking, chug, power, stabs, comping, arpeggio,
        roots, eighths, offbeats, octaves, slides,
        melody, ornaments, hook, syllables, scattered, clusters, rolls,
    )
}  # fmt: skip
