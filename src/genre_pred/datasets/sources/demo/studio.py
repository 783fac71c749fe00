"""Records a piece in stereo: plays its parts, mixes, equalises and limits them."""

from collections.abc import Iterator

import numpy as np
from scipy import fft

from genre_pred.datasets.sources.demo.artists import Artist
from genre_pred.datasets.sources.demo.drums import GROOVES, KITS, strikes
from genre_pred.datasets.sources.demo.instruments import INSTRUMENTS, RATE, Array, seconds_axis
from genre_pred.datasets.sources.demo.patterns import PATTERNS, Bar
from genre_pred.datasets.sources.demo.rules import PARTS, SCALES

# Octaves from the middle register, level in dB and panning (-1 left, 1 right) of each part.
MIX = {
    "bass": (-2, 0.0, 0.0),
    "chords": (0, -3, -0.35),
    "lead": (1, -1, 0.15),
    "pad": (0, -8, 0.4),
}
RELEASE = 0.04  # seconds of the fade at the end of a note
CEILING = 0.48  # low, because MP3 encoding raises limited peaks by up to 5 dB


def record(artist: Artist, seconds: float, rng: np.random.Generator) -> Array:
    """Play and mix one piece: float32 (samples, 2) at 44.1 kHz, peaks below CEILING."""
    n = round(seconds * RATE)
    step = 60 / artist.tempo / 4 * float(rng.uniform(0.95, 1.05))  # seconds of a sixteenth
    bars = list(_bars(artist, int(n / RATE / step / artist.bar) + 1, rng))
    drums, kicks = _drums(artist, bars, step, n, rng)
    ducking = 1 - np.float32(artist.pump) * kicks
    left: Array = drums * _level(drums, artist.drums_level)
    right: Array = left
    # In some pieces one part rests, if at least two others play.
    playing = [index for index, part in enumerate(artist.parts) if part]
    resting = rng.choice(playing) if len(playing) > 2 and rng.random() < 0.35 else None
    for index in playing:
        if index == resting:
            continue
        octaves, level, pan = MIX[PARTS[index]]
        sound = _part(artist.parts[index], bars, octaves, step, artist.swing, n, rng)
        sound *= _level(sound, level + artist.levels[index] + rng.normal(0, 2)) * ducking
        left = left + np.float32(1 - max(pan, 0)) * sound
        right = right + np.float32(1 + min(pan, 0)) * sound
    mix = _produce(np.stack([left, right]), artist, rng)
    fade = np.minimum(np.arange(n, dtype=np.float32)[::-1] / (0.02 * RATE), 1)
    return np.ascontiguousarray((mix * fade).T, dtype=np.float32)


def _bars(artist: Artist, count: int, rng: np.random.Generator) -> Iterator[Bar]:
    progression = artist.progressions[rng.integers(2)]
    tonic = artist.tonic + float(rng.choice([0, 0, 0, 2, -3, 5]))
    first = rng.integers(len(progression))
    for number in range(count):
        degree = int(progression[(first + number) % len(progression)]) - 1
        yield Bar(artist.bar, degree, SCALES[artist.scale], tonic)


def _drums(
    artist: Artist, bars: list[Bar], step: float, n: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The drum track, and an envelope 0..1 of the kicks: both (samples,)."""
    track, kicks = np.zeros(n, np.float32), np.zeros(n, np.float32)
    drums = strikes(KITS[artist.kit], rng)
    duck = np.exp(-np.arange(int(0.4 * RATE), dtype=np.float32) / (0.12 * RATE))
    for number, bar in enumerate(bars):
        for drum, groove in GROOVES[artist.groove].items():
            for place in range(bar.steps):
                ghost = drum == "hat" and rng.random() < 0.08
                if groove[place % 16] != "x" and not ghost:
                    continue
                at = _sample(number * bar.steps + place, step, artist.swing, rng)
                _add(track, drums[drum], at, rng.uniform(0.7, 1) * (0.4 if ghost else 1))
                if drum == "kick":
                    _add(kicks, duck, at, 1)
    return track, np.minimum(kicks, 1)


def _part(
    part: str, bars: list[Bar], octaves: int, step: float, swing: float, n: int,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """One part, (samples,): each pitch is synthesised once and played many times."""
    pattern, instrument = part.split(": ")
    track = np.zeros(n, np.float32)
    sounds: dict[tuple[float, float], Array] = {}
    for number, bar in enumerate(bars):
        for note in PATTERNS[pattern](bar, rng):
            at = _sample(number * bar.steps + note.start, step, swing, rng)
            if at >= n:
                continue
            seconds = note.length * step + RELEASE
            longest = float(np.ceil(seconds * 4) / 4)
            pitch = round(note.pitch + 12 * octaves, 2)
            if (pitch, longest) not in sounds:
                hertz = float(np.clip(440 * 2 ** ((pitch - 69) / 12), 30, 4000))
                sounds[pitch, longest] = INSTRUMENTS[instrument](hertz, longest, rng)
            _add(track, _faded(sounds[pitch, longest], seconds), at, note.loudness)
    return track


def _faded(sound: Array, seconds: float) -> Array:
    """The sound cut to a length, with a fade of RELEASE seconds."""
    sound = sound[: round(seconds * RATE)].copy()
    tail = min(len(sound), int(RELEASE * RATE))
    sound[-tail:] *= np.linspace(1, 0, tail, dtype=np.float32)
    return sound


def _sample(steps: float, step: float, swing: float, rng: np.random.Generator) -> int:
    """The sample at a position in sixteenths, with swing and a few milliseconds of jitter."""
    late = swing * step if round(steps) % 2 else 0
    return max(0, round((steps * step + late + rng.normal(0, 0.004)) * RATE))


def _add(track: Array, sound: Array, at: int, loudness: float) -> None:
    end = min(len(track), at + len(sound))
    if at < end:
        track[at:end] += np.float32(loudness) * sound[: end - at]


def _level(sound: Array, decibels: float) -> np.float32:
    """The gain that brings a track to a level in dB relative to -20 dB RMS; 0 for silence."""
    rms = np.sqrt(np.mean(sound**2))
    return np.float32(0 if rms < 1e-6 else 0.1 * 10 ** (decibels / 20) / rms)


def _produce(mix: Array, artist: Artist, rng: np.random.Generator) -> Array:
    """Apply room, equaliser, limiter and level: (2, samples) -> (2, samples).

    Room and equaliser are linear, so one multiplication of the spectrum applies both.
    """
    n = mix.shape[1]
    # As long as the piece: reverberation past the end wraps to the beginning, as if the clip had
    # been cut from the middle of a recording.
    size = fft.next_fast_len(n, real=True)
    tail = seconds_axis(min(artist.room, n / RATE))
    # -60 dB after `room` seconds; the first 10 ms stay clear for the direct sound.
    room = rng.standard_normal((2, len(tail)), dtype=np.float32)
    room *= np.exp(tail * np.float32(-6.9 / artist.room)) * (tail > 0.01)
    room /= np.sqrt(np.sum(room**2, axis=1, keepdims=True))
    hertz = fft.rfftfreq(size, 1 / RATE).astype(np.float32)
    # Sessions differ slightly, as if the microphones had been moved.
    colour = _equaliser(hertz, artist.tilt + float(rng.normal(0, 0.5)), artist.tone)
    response = fft.rfft(room, size)  # (2, frequencies)
    response *= 1.4 * artist.wet * colour / (1 + (hertz / 6000) ** 2)  # air absorbs treble
    response += (1 - artist.wet) * colour
    mix = fft.irfft(fft.rfft(mix, size) * response, size)[:, :n]
    mix *= 0.12 * 10 ** (artist.drive / 20) / np.sqrt(np.mean(mix**2))
    mix = np.tanh(mix)
    wanted = 10 ** ((artist.loudness + rng.normal(0, 1)) / 20)
    mix *= wanted / np.sqrt(np.mean(mix**2))
    mix += 10 ** (artist.hiss / 20) * rng.standard_normal(n, dtype=np.float32)
    return np.float32(CEILING) * np.tanh(mix / np.float32(CEILING))


def _equaliser(hertz: Array, tilt: float, tone: tuple[tuple[float, float], ...]) -> Array:
    """The gains of an equaliser: a slope in dB per octave, resonances (Hz, dB), and a high-pass."""
    points = np.geomspace(20, RATE / 2, 400)  # a smooth curve needs no more
    octaves = np.log2(points / 1000)
    decibels = tilt * np.clip(octaves, -4, 3)
    for at, gain in tone:
        decibels += gain * np.exp(-(((octaves - np.log2(at / 1000)) / 0.5) ** 2))
    gains = 10 ** (decibels / 20) / (1 + (25 / points) ** 4)
    return np.interp(hertz, points, gains).astype(np.float32)
