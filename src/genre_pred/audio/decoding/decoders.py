"""Files of sound decoded block by block, so that hours need little memory.

libsndfile decodes what it decodes exactly (lossless formats and Ogg), FFmpeg all the rest. MP3
goes to FFmpeg because libsndfile believes the length in an MP3's header, or guesses one: of a
variable-rate file of 60 s without a header it returned 10 s (measured). Neither library seeks in
MP3 or Ogg to the exact sample, so reading always starts at the beginning, except in plain PCM.
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
_RATES_HZ = 1_000, 768_000  # memory and work go with the rate, and a header may claim any
# Integers of 32 bits that were stored as floats reach 2^31. What lies far beyond is no sound, but
# bytes read as what they are not; its squares would overflow float32 from about 1e17 on.
_LOUDEST = 2.0**32
# First bytes of RIFF, RF64, Wave64, AIFF, AU, CAF, FLAC and Ogg.
_SNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b".snd", b"caff", b"fLaC", b"OggS")
_SEEKS_EXACTLY = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU")
# Containers FFmpeg may open. Playlist formats (hls, concat, dash) are left out on purpose: they
# make FFmpeg open other files and addresses, which a stranger's upload could choose.
_CONTAINERS = (
    "mp3,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,ape,wv,tta,tak,mpc,mpc8,ac3,eac3,amr,"
    "caf,aiff,wav,w64,flac,ogg,avi,flv,mpegts,mpeg,dsf"
)
# By FFmpeg's names; those of planar formats end in p.
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


class AudioError(UserError):
    """Sound that cannot be used, with a reason for people."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)  # both in args, so that it pickles between processes
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Block:
    """A stretch of a track, decoded.

    Attributes:
        sample_rate: In Hz.
        channels: Of the file.
        first: Number of its first sample within the track.
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
        start: The first sample that is asked for, at the native rate.

    Yields:
        At least one block, one after the other without a gap; the first begins no later than
        `start`.

    Raises:
        AudioError: If the source cannot be opened or decoded, is empty, holds no audio, NaN or
            samples beyond 2^32 times full scale, or its sample rate is beyond 1 to 768 kHz.
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
                    path, f"its sample rate is {block.sample_rate} Hz: 1 to 768 kHz can be heard"
                )
            peak = float(np.abs(block.mono).max())
            if not math.isfinite(peak):
                raise AudioError(path, "holds samples that are not numbers (NaN or infinite)")
            if peak > _LOUDEST:
                raise AudioError(
                    path, f"is damaged or no sound: a sample is {peak:.0e} times full scale"
                )
            n_blocks += 1
            yield block
        if not n_blocks:
            raise AudioError(path, "holds no audio: not one sample of it could be decoded")


class _Stream:
    """A stream that cannot seek where a damaged file points, and then says so without raising.

    libsndfile calls back where nothing can be raised: Python prints the trace. PyAV keeps the
    exception for later, perhaps for the next file.
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
            if source.exists() and not source.is_file():  # opening a pipe would wait for a writer
                raise AudioError(str(source), "cannot be read (it is no regular file)")
            with source.open("rb") as stream:
                yield stream, str(source)
        except OSError as error:  # also while it is decoded, where a disk fails
            raise AudioError(str(source), f"cannot be read ({error.strerror})") from error
    else:
        source.seek(0)
        yield source, source_name(source)


def source_name(source: AudioSource) -> str:
    """What a source is called when something is told of it."""
    name = source if isinstance(source, Path) else getattr(source, "name", None)
    return str(name) if isinstance(name, str | Path) else "the sound given"


def _sndfile_or_ffmpeg(stream: _Stream, path: str, magic: bytes, start: int) -> Iterator[Block]:
    if magic in _SNDFILE_MAGIC:
        try:
            sound = soundfile.SoundFile(stream)
        except (soundfile.LibsndfileError, TypeError):  # TypeError: the name ends in .raw
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
            read = sound.read(out=buffer)
        except soundfile.LibsndfileError:
            return  # a damaged file ends where the damage begins
        if not len(read):
            return
        yield Block(sound.samplerate, sound.channels, first, _mono(read.T))
        first += len(read)


def _ffmpeg_blocks(stream: _Stream, path: str) -> Iterator[Block]:
    first, kind, held, n_held = 0, None, list["av.AudioFrame"](), 0  # MP3's are only 26 ms each
    for frame in _ffmpeg_frames(stream, path):
        found = _kind(frame)
        if held and (found != kind or n_held >= _BLOCK_SAMPLES):
            if held[0].sample_rate != frame.sample_rate:
                raise AudioError(path, "changes its sample rate within the track")
            yield _block(held, first)
            first, held, n_held = first + n_held, [], 0
        kind = found
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
                    n_bad += 1  # players go on after a broken frame as well
                    continue
                n_good += len(frames)
                yield from frames
    except (av.FFmpegError, IndexError) as error:  # IndexError: PyAV, of a stream that begins late
        if not n_good:
            raise AudioError(path, "is not a sound file that can be decoded") from error
    if n_bad > n_good:  # noise can look like the odd frame of sound
        raise AudioError(path, "is not a sound file that can be decoded (mostly broken frames)")


def _kind(frame: "av.AudioFrame") -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def _block(frames: Sequence["av.AudioFrame"], first: int) -> Block:
    planes = _planes(frames)
    return Block(frames[0].sample_rate, len(planes), first, _mono(planes))


def _planes(frames: Sequence["av.AudioFrame"]) -> np.ndarray:
    """The samples of frames of one kind as (channels, n) float32."""
    # PyAV's to_ndarray knows no s64, and of every frame, each of 26 ms, would take a quarter more
    # than the decoding.
    first = frames[0]
    dtype = np.dtype(_DTYPES[first.format.name.removesuffix("p")])
    n_channels = 1 if first.format.is_planar else first.layout.nb_channels

    def read(frame: "av.AudioFrame", number: int) -> np.ndarray:
        plane: Any = frame.planes[number]  # a buffer, which its stub does not say
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
    """(channels, n) -> (n,), added channel by channel so that every decoder rounds alike."""
    mono = planes[0].copy()
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number is refused
        for plane in planes[1:]:
            mono += plane
    if len(planes) > 1:
        mono /= np.float32(len(planes))
    return mono
