"""Writes files in the layout of FMA: fma_small/000/000002.mp3 and fma_metadata/tracks.csv.

Some files of FMA are broken; the demo has one of each kind, so that the stage clean rejects some.
"""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from genre_pred.core.files import atomic_write
from genre_pred.datasets.sources.demo.instruments import RATE
from genre_pred.datasets.sources.demo.plan import Piece
from genre_pred.datasets.sources.demo.rules import RULES
from genre_pred.datasets.sources.demo.studio import record

# Encoding takes most of the time, and LAME is faster at a variable bitrate than at a constant one.
COMPRESSION = 0.3  # about 160 kb/s


def write_piece(root: Path, piece: Piece) -> None:
    """Compose one piece and write its file, good or broken as planned."""
    path = root / "fma_small" / f"{piece.track_id // 1000:03d}" / f"{piece.track_id:06d}.mp3"
    with atomic_write(path) as temporary:
        temporary.write_bytes(BROKEN[piece.flaw](piece) if piece.flaw else _mp3(piece))


def write_tracks(root: Path, pieces: Sequence[Piece]) -> None:
    """Write tracks.csv with FMA's three heading rows: group, name, and the name of the index."""
    index = pd.Index([piece.track_id for piece in pieces], name="track_id")
    table = pd.DataFrame([_columns(piece) for piece in pieces], index)
    table.columns = pd.MultiIndex.from_tuples(_columns(pieces[0]))
    with atomic_write(root / "fma_metadata" / "tracks.csv") as temporary:
        table.to_csv(temporary, lineterminator="\n")


def _columns(piece: Piece) -> dict[tuple[str, str], object]:
    """The columns that have a meaning here, of FMA's fifty-two."""
    artist, fma_id = piece.artist, RULES[piece.artist.genre].fma_id
    return {
        ("album", "id"): piece.album,
        ("album", "title"): f"{artist.name} {piece.album}",
        ("artist", "id"): artist.number,
        ("artist", "name"): artist.name,
        ("set", "split"): artist.split,
        ("set", "subset"): "small",
        ("track", "duration"): round(piece.seconds),
        ("track", "genre_top"): artist.genre,
        ("track", "genres"): [fma_id],
        ("track", "genres_all"): [fma_id],
        ("track", "license"): "CC0 1.0 Universal",
        ("track", "title"): piece.title,
    }


def _mp3(piece: Piece, seconds: float | None = None) -> bytes:
    """Compose a piece, at its own length or another, and encode it as MP3."""
    sound = record(piece.artist, seconds or piece.seconds, np.random.default_rng(piece.seed))
    file = io.BytesIO()
    soundfile.write(
        file, sound, RATE, format="MP3", subtype="MPEG_LAYER_III",
        compression_level=COMPRESSION, bitrate_mode="VARIABLE",
    )  # fmt: skip
    return file.getvalue()


def _no_audio(piece: Piece) -> bytes:
    """An ID3v2.3 tag with the title, without any audio."""
    text = b"\x00" + piece.title.encode("latin-1")
    frame = b"TIT2" + struct.pack(">IH", len(text), 0) + text
    return b"ID3\x03\x00\x00" + struct.pack(">I", len(frame)) + frame  # sizes below 128: syncsafe


def _noise(piece: Piece) -> bytes:
    """Random bytes without 0xFF, which a decoder could take for the start of a frame."""
    return bytes(np.random.default_rng(piece.seed).integers(0, 255, 20_000, dtype=np.uint8))


def _wrong_extension(piece: Piece) -> bytes:
    """A picture with the suffix .mp3: a grey PNG of 64 x 64 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    pixels = np.random.default_rng(piece.seed).integers(0, 256, (64, 65), dtype=np.uint8)
    pixels[:, 0] = 0  # the filter type of each row: none
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
        + chunk(
            b"IDAT", zlib.compress(pixels.tobytes(), 0)
        )  # uncompressed: the same with every zlib
        + chunk(b"IEND", b"")
    )


BROKEN: dict[str, Callable[[Piece], bytes]] = {
    "no audio": _no_audio,
    "one second": lambda piece: _mp3(piece, seconds=1.0),
    "truncated": lambda piece: _mp3(piece, seconds=1.0)[:600],
    "empty": lambda piece: b"",
    "noise": _noise,
    "wrong extension": _wrong_extension,
}
