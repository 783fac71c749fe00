"""Files as FMA publishes them: fma_small/000/000002.mp3 and fma_metadata/tracks.csv.

Some of FMA's own files are broken; the demo has one of each kind, so that cleaning has work to do.
"""

import csv
import io
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile

from genre_pred.datasets.sources.demo.instruments import RATE, Array
from genre_pred.datasets.sources.demo.plan import Piece
from genre_pred.datasets.sources.demo.rules import RULES
from genre_pred.datasets.sources.demo.studio import record

# Encoding is most of the work, and LAME is quicker at a variable bitrate than at a constant one.
COMPRESSION = 0.3  # about 160 kb/s

Columns = tuple[tuple[tuple[str, str], Callable[[Piece], object]], ...]

# The columns of FMA's fifty-two that mean something here.
COLUMNS: Columns = (
    (("album", "id"), lambda piece: piece.album),
    (("album", "title"), lambda piece: f"{piece.artist.name} {piece.album}"),
    (("artist", "id"), lambda piece: piece.artist.number),
    (("artist", "name"), lambda piece: piece.artist.name),
    (("set", "split"), lambda piece: piece.artist.split),
    (("set", "subset"), lambda piece: "small"),
    (("track", "duration"), lambda piece: round(piece.seconds)),
    (("track", "genre_top"), lambda piece: piece.artist.genre),
    (("track", "genres"), lambda piece: [RULES[piece.artist.genre].fma_id]),
    (("track", "genres_all"), lambda piece: [RULES[piece.artist.genre].fma_id]),
    (("track", "license"), lambda piece: "CC0 1.0 Universal"),
    (("track", "title"), lambda piece: piece.title),
)


def write_piece(root: Path, piece: Piece) -> None:
    """Compose one piece and write its file, whole or broken as planned."""
    path = root / "fma_small" / f"{piece.track_id // 1000:03d}" / f"{piece.track_id:06d}.mp3"
    _write(path, BREAKAGES[piece.flaw](piece) if piece.flaw else _mp3_of(piece))


def write_tracks(root: Path, pieces: Iterable[Piece]) -> None:
    """Write tracks.csv with FMA's three heading rows: group, name, and the index's own name."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["", *(group for (group, _), _ in COLUMNS)])
    table.writerow(["", *(name for (_, name), _ in COLUMNS)])
    table.writerow(["track_id", *("" for _ in COLUMNS)])
    for piece in pieces:
        table.writerow([piece.track_id, *(value(piece) for _, value in COLUMNS)])
    _write(root / "fma_metadata" / "tracks.csv", text.getvalue().encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _mp3(sound: Array) -> bytes:
    """Encode (samples, 2) as MP3."""
    file = io.BytesIO()
    soundfile.write(
        file, sound, RATE, format="MP3", subtype="MPEG_LAYER_III",
        compression_level=COMPRESSION, bitrate_mode="VARIABLE",
    )  # fmt: skip
    return file.getvalue()


def _mp3_of(piece: Piece) -> bytes:
    return _mp3(record(piece.artist, piece.seconds, np.random.default_rng(piece.seed)))


def _no_audio(piece: Piece) -> bytes:
    """An ID3v2.3 tag with the title in it, and nothing after it."""
    text = b"\x00" + piece.title.encode("latin-1")
    frame = b"TIT2" + struct.pack(">IH", len(text), 0) + text
    return b"ID3\x03\x00\x00" + struct.pack(">I", len(frame)) + frame  # sizes below 128: syncsafe


def _one_second(piece: Piece) -> bytes:
    return _mp3(record(piece.artist, 1.0, np.random.default_rng(piece.seed)))


def _truncated(piece: Piece) -> bytes:
    return _one_second(piece)[:600]


def _empty(piece: Piece) -> bytes:
    return b""


def _noise(piece: Piece) -> bytes:
    """Bytes without meaning; without 0xFF too, which a decoder could take for a frame's start."""
    return bytes(np.random.default_rng(piece.seed).integers(0, 255, 20_000, dtype=np.uint8))


def _wrong_extension(piece: Piece) -> bytes:
    """A picture under a song's name: a 64 x 64 grey PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    pixels = np.random.default_rng(piece.seed).integers(0, 256, (64, 65), dtype=np.uint8)
    pixels[:, 0] = 0  # each row begins with its filter, none
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(pixels.tobytes(), 0))  # stored: the same with every zlib
        + chunk(b"IEND", b"")
    )


BREAKAGES: dict[str, Callable[[Piece], bytes]] = {
    "no audio": _no_audio,
    "one second": _one_second,
    "truncated": _truncated,
    "empty": _empty,
    "noise": _noise,
    "wrong extension": _wrong_extension,
}
