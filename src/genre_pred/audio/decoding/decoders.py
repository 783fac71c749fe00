"""Decodes audio files block by block, so that files of several hours need little memory.

libsndfile decodes the formats that it decodes exactly (lossless formats and Ogg); FFmpeg decodes
all others. MP3 goes to FFmpeg because libsndfile trusts the length in an MP3's header, or guesses
it: from a variable-bitrate file of 60 s without a header it returned 10 s (measured). Neither
library seeks to the exact sample in MP3 or Ogg, so reading starts at the beginning, except in PCM.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import soundfile

from genre_pred.core.errors import UserError

if TYPE_CHECKING:
    import av

AudioSource = Path | BinaryIO

_BLOCK_SAMPLES = 1 << 16
_RATES_HZ = 1_000, 768_000  # cost grows with the rate, and a header may claim any
# 32-bit integers stored as floats reach 2^31. Samples far beyond are not audio but misread bytes;
# their squares would overflow float32 from about 1e17 on.
_LOUDEST = 2.0**32
# First bytes of RIFF, RF64, Wave64, AIFF, AU, CAF, FLAC and Ogg.
_SNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b".snd", b"caff", b"fLaC", b"OggS")
_SEEKS_EXACTLY = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU")
# Containers that FFmpeg may open. Playlist formats (hls, concat, dash) are excluded on purpose: an
# uploaded playlist could make FFmpeg open other files and URLs.
_CONTAINERS = (
    "mp3,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,ape,wv,tta,tak,mpc,mpc8,ac3,eac3,amr,"
    "caf,aiff,wav,w64,flac,ogg,avi,flv,mpegts,mpeg,dsf"
)
# NumPy dtypes by FFmpeg's format names; names of planar formats end in p.
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


class AudioError(UserError):
    """An audio file that cannot be used, with the reason for the user."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)  # both in args, so that it can be pickled
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Block:
    """A decoded stretch of a track.

    Attributes:
        sample_rate: In Hz.
        channels: Number of channels of the file.
        first: Index of its first sample within the track.
        mono: (n,) float32, the mean of the channels.
    """

    sample_rate: int
    channels: int
    first: int
    mono: np.ndarray


def decoded(source: AudioSource, start: int) -> Iterator[Block]:
    """Decode a source.

    Args:
        source: Path, or seekable binary stream.
        start: The first sample needed, at the native rate.

    Yields:
        At least one block. Blocks follow each other without a gap; the first begins no later than
        `start`.

    Raises:
        AudioError: If the source cannot be opened or decoded, is empty, holds no audio, NaN or
            samples beyond 2^32 times full scale, or its sample rate is not within 1 to 768 kHz.
    """
    with _opened(source) as (stream, path):
        magic = stream.read(4)
        stream.seek(0)
        if not magic:
            raise AudioError(path, "the file is empty")
        n_blocks = 0
        for block in _sndfile_or_ffmpeg(_Stream(stream), path, magic, start):
            if not _RATES_HZ[0] <= block.sample_rate <= _RATES_HZ[1]:
                raise AudioError(
                    path,
                    f"its sample rate is {block.sample_rate} Hz; sample rates from 1 to 768 kHz "
                    "are supported",
                )
            peak = float(np.abs(block.mono).max())
            if not math.isfinite(peak):
                raise AudioError(path, "holds samples that are not numbers (NaN or infinite)")
            if peak > _LOUDEST:
                raise AudioError(
                    path, f"is damaged or not audio: a sample is {peak:.0e} times full scale"
                )
            n_blocks += 1
            yield block
        if not n_blocks:
            raise AudioError(path, "holds no audio: not one sample of it could be decoded")


class _Stream:
    """A stream whose `seek` returns -1 instead of raising, when a damaged file points outside.

    libsndfile's callbacks cannot raise: Python would print the stack trace. PyAV would raise the
    exception later, perhaps for the next file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._stream.seek(offset, whence)
        except (OSError, ValueError):
            return -1


@contextmanager
def _opened(source: AudioSource) -> Iterator[tuple[BinaryIO, str]]:
    if isinstance(source, Path):
        try:
            if source.exists() and not source.is_file():  # opening a pipe would block
                raise AudioError(str(source), "cannot be read (it is no regular file)")
            with source.open("rb") as stream:
                yield stream, str(source)
        except OSError as error:  # also during decoding, if the disk fails
            raise AudioError(str(source), f"cannot be read ({error.strerror})") from error
    else:
        source.seek(0)
        yield source, source_name(source)


def source_name(source: AudioSource) -> str:
    """The name of a source in messages."""
    name = source if isinstance(source, Path) else getattr(source, "name", None)
    return str(name) if isinstance(name, str | Path) else "the audio stream"


def _sndfile_or_ffmpeg(stream: _Stream, path: str, magic: bytes, start: int) -> Iterator[Block]:
    if magic in _SNDFILE_MAGIC:
        try:
            sound = soundfile.SoundFile(stream)
        except (soundfile.LibsndfileError, TypeError):  # TypeError if the name ends in .raw
            stream.seek(0)
        else:
            with sound:
                yield from _sndfile_blocks(sound, start)
            return
    yield from _ffmpeg_blocks(stream, path)


def _sndfile_blocks(sound: soundfile.SoundFile, start: int) -> Iterator[Block]:
    first = 0
    if sound.format in _SEEKS_EXACTLY and sound.subtype.startswith(("PCM", "FLOAT", "DOUBLE")):
        first = sound.seek(max(0, min(start, sound.frames - 1)))
    buffer = np.empty((_BLOCK_SAMPLES, sound.channels), np.float32)
    while True:
        try:
            samples = sound.read(out=buffer)
        except soundfile.LibsndfileError:
            return  # keep what precedes the damage
        if not len(samples):
            return
        yield Block(sound.samplerate, sound.channels, first, _mono(samples.T))
        first += len(samples)


def _ffmpeg_blocks(stream: _Stream, path: str) -> Iterator[Block]:
    # Frames are joined to larger blocks, because those of MP3 last only 26 ms.
    first, kind, held, n_held = 0, None, list["av.AudioFrame"](), 0
    for frame in _ffmpeg_frames(stream, path):
        frame_kind = _kind(frame)
        if held and (frame_kind != kind or n_held >= _BLOCK_SAMPLES):
            if held[0].sample_rate != frame.sample_rate:
                raise AudioError(path, "changes its sample rate within the track")
            yield _block(held, first)
            first, held, n_held = first + n_held, [], 0
        kind = frame_kind
        held.append(frame)
        n_held += frame.samples
    if held:
        yield _block(held, first)


def _ffmpeg_frames(stream: _Stream, path: str) -> Iterator["av.AudioFrame"]:
    import av

    n_good, n_bad = 0, 0
    try:
        with av.open(
            stream, "r", options={"format_whitelist": _CONTAINERS}, metadata_errors="ignore"
        ) as container:
            if not container.streams.audio:
                raise AudioError(path, "holds no audio")
            for packet in container.demux(container.streams.audio[0]):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    n_bad += 1  # skip a broken frame, as players do
                    continue
                n_good += len(frames)
                yield from frames
    except (av.FFmpegError, IndexError) as error:  # PyAV's IndexError: a stream that begins late
        if not n_good:
            raise AudioError(path, "is not a sound file that can be decoded") from error
    if n_bad > n_good:  # random bytes can look like a few valid frames
        raise AudioError(path, "is not a sound file that can be decoded (mostly broken frames)")


def _kind(frame: "av.AudioFrame") -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def _block(frames: Sequence["av.AudioFrame"], first: int) -> Block:
    planes = _planes(frames)
    return Block(frames[0].sample_rate, len(planes), first, _mono(planes))


def _planes(frames: Sequence["av.AudioFrame"]) -> np.ndarray:
    """The samples of frames of the same format, (channels, n) float32."""
    # PyAV's to_ndarray does not support s64, and called for every frame of 26 ms it would make
    # decoding a quarter slower.
    first = frames[0]
    dtype = np.dtype(_DTYPES[first.format.name.removesuffix("p")])
    n_channels = 1 if first.format.is_planar else first.layout.nb_channels

    def read(frame: "av.AudioFrame", number: int) -> np.ndarray:
        plane: Any = frame.planes[number]  # a buffer, which PyAV's stub does not declare
        return np.frombuffer(plane, dtype, frame.samples * n_channels)

    n_samples = sum(frame.samples for frame in frames) * n_channels
    # (channels, n), or interleaved (1, n * channels)
    samples = np.empty((len(first.planes), n_samples), dtype)
    for number, row in enumerate(samples):
        np.concatenate([read(frame, number) for frame in frames], out=row)
    if not first.format.is_planar:
        samples = samples.reshape(-1, n_channels).T
    if dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if dtype.kind == "i":
        return samples.astype(np.float32) / -float(np.iinfo(dtype).min)
    return samples.astype(np.float32, copy=False)


def _mono(planes: np.ndarray) -> np.ndarray:
    """(channels, n) -> (n,), summed channel by channel so that all decoders round alike."""
    mono = planes[0].copy()
    with np.errstate(over="ignore", invalid="ignore"):  # rejected by `decoded`
        for plane in planes[1:]:
            mono += plane
    if len(planes) > 1:
        mono /= np.float32(len(planes))
    values: np.ndarray = mono
    return values
