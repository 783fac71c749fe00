"""Many songs at once: files and what zips hold, each answered or with the reason why not."""

import io
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

import pandas as pd

from genre_pred.app.limits import (
    MOST_MEGABYTES,
    MOST_SECONDS,
    MOST_SONGS,
    MOST_UNPACKED_MEGABYTES,
)
from genre_pred.audio.decode import AudioError
from genre_pred.classifier import GenreClassifier
from genre_pred.faults import Fault
from genre_pred.files import DiskFull, told_when_full
from genre_pred.prediction import ANSWER, column_of

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
# The others unpack at once whatever a read takes: of bzip2 1 MB may become 20 GB, in memory.
UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # a flag of the zip format
_BLOCK = 1 << 20  # bytes
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError)
UNKNOWN = "unknown: unlike the training music"
FACTS = ["file", "error"]


@dataclass(frozen=True)
class Song:
    """A song that was handed in.

    Attributes:
        name: As the sender has it; within a zip, the zip's name goes before.
        sound: A path or an open file; None where there is a reason.
        reason: Why it will not be heard; empty where it will.
    """

    name: str
    sound: Path | BinaryIO | None
    reason: str = ""


def songs_of(files: Sequence[Path]) -> Iterator[Song]:
    """All songs of files and zips, in turn, `MOST_SONGS` at most.

    Nothing of a zip is written under a name that it chose, and no more than `MOST_MEGABYTES` of
    one entry, whatever size it claims.
    """
    n_songs = 0
    for file in files:
        found = _unpacked(file) if file.suffix.lower() == ".zip" else [Song(file.name, file)]
        for song in found:
            n_songs += 1
            if n_songs > MOST_SONGS:
                yield Song(song.name, None, f"not heard: {MOST_SONGS} songs are the most at once")
                return
            yield song


def _unpacked(file: Path) -> Iterator[Song]:
    try:
        whole = _Frugal(file)
    except OSError as error:
        yield Song(file.name, None, f"cannot be read ({error.strerror})")
        return
    with whole:
        yield from _entries(file, whole)


class _ListTooLong(zipfile.BadZipFile):
    pass


class _Damaged(Exception):
    pass


class _Frugal(io.FileIO):
    """A zip whose list of contents, which zipfile takes in one read, must be short.

    Its length is what bounds memory: the number of entries beside it may be a lie.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _BLOCK:
            raise _ListTooLong
        return super().read(size)


def _entries(file: Path, whole: BinaryIO) -> Iterator[Song]:
    try:
        archive = zipfile.ZipFile(whole)
    except _ListTooLong:
        yield Song(file.name, None, "lists too many files to be read")
        return
    except _BROKEN:
        yield Song(file.name, None, "is not a zip file that can be read")
        return
    with archive:
        entries = [entry for entry in archive.infolist() if not _is_aside(entry)]
        if not entries:
            yield Song(file.name, None, "holds no file")
        try:
            yield from _songs_within(file, archive, entries)
        except DiskFull as full:
            yield Song(file.name, None, str(full))


def _songs_within(
    file: Path, archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo]
) -> Iterator[Song]:
    left = MOST_UNPACKED_MEGABYTES * 10**6
    for entry in entries:
        name = f"{file.name}: {entry.filename}"
        if reason := _why_refused(entry):
            yield Song(name, None, reason)
            continue
        place = Path(tempfile.gettempdir())
        # Around the file too: closing it writes again what found no room.
        with told_when_full(place, entry.filename), tempfile.TemporaryFile() as sound:
            reason = _unpack(archive, entry, sound)
            left -= sound.tell()
            if left < 0:
                words = f"not unpacked: {MOST_UNPACKED_MEGABYTES} MB of a zip are the most"
                yield Song(name, None, words)
                return
            yield Song(name, None if reason else cast(BinaryIO, sound), reason)


def _is_aside(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and Windows put beside files."""
    path = PurePosixPath(entry.filename)
    return entry.is_dir() or "__MACOSX" in path.parts or path.name in (".DS_Store", "Thumbs.db")


def _why_refused(entry: zipfile.ZipInfo) -> str:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if not path.parts:
        return "refused: it has no name"
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "refused: its name points outside the zip"
    if path.suffix.lower() in ARCHIVES:
        return "an archive within an archive is not opened"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "refused: it is a link, not a file"
    if entry.flag_bits & ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in UNPACKED:
        return "is packed in a way that is not read here"
    return ""


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, sound: IO[bytes]) -> str:
    """Write an entry, no further than the limit; why it will not be heard, empty where it will."""
    try:
        for block in _blocks(archive, entry):
            sound.write(block)
            if sound.tell() > MOST_MEGABYTES * 10**6:
                return f"is larger than {MOST_MEGABYTES} MB"
    except _Damaged:
        return "cannot be unpacked: the zip is damaged there"
    sound.flush()
    return ""


def _blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """What an entry holds; _Damaged of what goes wrong here, not where it is written."""
    try:
        with archive.open(entry) as packed:
            while block := packed.read(_BLOCK):
                yield block
    except _BROKEN as error:
        raise _Damaged from error


def answer(classifier: GenreClassifier, song: Song) -> dict[str, object]:
    """One song's row: file, error, then those of `Prediction.row` where it could be heard."""
    row: dict[str, object] = {"file": song.name, "error": song.reason}
    if song.sound is None:
        return row
    try:
        found = classifier.predict(song.sound, MOST_SECONDS)
    except AudioError as error:
        return row | {"error": error.reason}
    except Fault as fault:
        return row | {"error": str(fault)}
    return row | found.row()


def as_table(rows: Sequence[dict[str, object]], genres: Sequence[str]) -> pd.DataFrame:
    """The rows of `answer` as the table that is downloaded."""
    return pd.DataFrame(rows).reindex(columns=[*FACTS, *ANSWER, *map(column_of, genres)])


def as_shown(table: pd.DataFrame) -> pd.DataFrame:
    """What fits a screen, as text: file, genre, %, likely (where there are sets), remark."""
    shown = pd.DataFrame(
        {
            "file": table["file"],
            "genre": table["genre"].astype(object).fillna("-"),
            "%": [_percent(share) for share in table["probability"].astype(float)],
            "likely": table["genre_set"].astype(object).fillna(""),
            "remark": table["error"].mask(table["unknown"].eq(True), UNKNOWN),
        }
    )
    return shown if shown["likely"].any() else shown.drop(columns="likely")


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{100 * share:.1f}"
