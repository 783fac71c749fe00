"""What a zip of songs holds, without trust in anything that the zip says of itself."""

import io
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from genre_pred.apps.web.limits import MOST_MEGABYTES, MOST_UNPACKED_MEGABYTES
from genre_pred.core.files import DiskFull, user_error_if_disk_full

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
# The others unpack at once whatever a read takes: of bzip2 1 MB may become 20 GB, in memory.
UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # a flag of the zip format
_BLOCK = 1 << 20  # bytes
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,  # of a place in the file that no seek can take
    NotImplementedError,
    ValueError,
)


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


def songs_within(file: Path) -> Iterator[Song]:
    """The songs of a zip, in turn, each open until the next one is asked for.

    Nothing is written under a name that the zip chose, no more than `MOST_MEGABYTES` of one entry,
    whatever size it claims, and no more than `MOST_UNPACKED_MEGABYTES` of all.
    """
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
            yield from _unpacked(file, archive, entries)
        except DiskFull as full:
            yield Song(file.name, None, str(full))


def _unpacked(
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
        with user_error_if_disk_full(place, entry.filename), tempfile.TemporaryFile() as sound:
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
