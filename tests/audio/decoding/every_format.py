"""One sound, written in every format."""

from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 44_100
SECONDS = 6
LOSSLESS = ["wav", "flac", "aiff"]
LOSSY = ["mp3", "ogg", "opus", "m4a", "aac", "webm"]


def moving_sound() -> np.ndarray:
    """Six seconds, (n, 2): tones that move, noise that comes and goes."""
    t = np.arange(RATE * SECONDS) / RATE
    noise = np.random.default_rng(254).standard_normal(t.size) * (np.sin(9 * t) > 0)
    left = 0.3 * np.sin(2 * np.pi * (300 + 40 * t) * t) + 0.05 * noise
    return np.stack([left, 0.5 * left], axis=1).astype(np.float32)


def encode_by_ffmpeg(path: Path, samples: np.ndarray, codec: str, container: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(path, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
        )
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        fifo.write(frame)
        while part := fifo.read(1024, partial=True):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))


def write_every_format(stereo: np.ndarray, folder: Path) -> dict[str, Path]:
    paths = {kind: folder / f"sound.{kind}" for kind in [*LOSSLESS, *LOSSY]}
    for kind in ("wav", "flac", "aiff"):
        soundfile.write(paths[kind], np.round(stereo * 32768).astype(np.int16), RATE)
    for kind in ("mp3", "ogg"):
        soundfile.write(paths[kind], stereo, RATE)
    soundfile.write(paths["opus"], stereo, 48_000, format="OGG", subtype="OPUS")
    encode_by_ffmpeg(paths["m4a"], stereo, "aac", "mp4")
    encode_by_ffmpeg(paths["aac"], stereo, "aac", "adts")
    encode_by_ffmpeg(paths["webm"], stereo, "libopus", "webm")
    return paths
