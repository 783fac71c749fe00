"""The songs in a zip file, read without trusting its metadata."""

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
# Other methods unpack without a size limit: 1 MB of bzip2 can become 20 GB in memory.
UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # a flag of the zip format
_BLOCK = 1 << 20  # bytes
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,  # from an offset that seek cannot take
    NotImplementedError,
    ValueError,
)


@dataclass(frozen=True)
class Song:
    """An uploaded song.

    Attributes:
        name: The uploaded name; in a zip, with the zip's name before it.
        sound: A path or an open file; None if there is a reason.
        reason: The reason why it is not predicted; empty if it is.
    """

    name: str
    sound: Path | BinaryIO | None
    reason: str = ""


def songs_within(file: Path) -> Iterator[Song]:
    """The songs of a zip file in order; each is open until the next one is requested.

    Names in the zip are never used as paths. At most `MOST_MEGABYTES` of an entry are unpacked,
    whatever size it states, and at most `MOST_UNPACKED_MEGABYTES` of all entries.
    """
    try:
        whole = _BoundedReads(file)
    except OSError as error:
        yield Song(file.name, None, f"cannot be read ({error.strerror})")
        return
    with whole:
        yield from _entries(file, whole)


class _ListTooLong(zipfile.BadZipFile):
    pass


class _Damaged(Exception):
    pass


class _BoundedReads(io.FileIO):
    """A zip file whose central directory, which zipfile reads at once, must be short.

    Its length bounds the memory; the stated number of entries may be wrong.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _BLOCK:
            raise _ListTooLong
        return super().read(size)


def _entries(file: Path, whole: BinaryIO) -> Iterator[Song]:
    try:
        archive = zipfile.ZipFile(whole)
    except _ListTooLong:
        yield Song(file.name, None, "contains too many files")
        return
    except _BROKEN:
        yield Song(file.name, None, "is not a readable zip file")
        return
    with archive:
        entries = [entry for entry in archive.infolist() if not _is_no_song(entry)]
        if not entries:
            yield Song(file.name, None, "contains no file")
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
        folder = Path(tempfile.gettempdir())
        # Also around the closing of the file, which writes its buffer.
        with user_error_if_disk_full(folder, entry.filename), tempfile.TemporaryFile() as sound:
            reason = _unpack(archive, entry, sound)
            left -= sound.tell()
            if left < 0:
                limit = f"skipped: at most {MOST_UNPACKED_MEGABYTES} MB of a zip are unpacked"
                yield Song(name, None, limit)
                return
            yield Song(name, None if reason else cast(BinaryIO, sound), reason)


def _is_no_song(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder, or a hidden file of macOS or Windows."""
    path = PurePosixPath(entry.filename)
    return entry.is_dir() or "__MACOSX" in path.parts or path.name in (".DS_Store", "Thumbs.db")


def _why_refused(entry: zipfile.ZipInfo) -> str:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if not path.parts:
        return "refused: it has no name"
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "refused: its name points outside the zip"
    if path.suffix.lower() in ARCHIVES:
        return "nested archives are not supported"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "refused: it is a link, not a file"
    if entry.flag_bits & ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in UNPACKED:
        return "uses an unsupported compression method"
    return ""


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, sound: IO[bytes]) -> str:
    """Write an entry up to the size limit; return the reason for a failure, or an empty text."""
    try:
        for block in _blocks(archive, entry):
            sound.write(block)
            if sound.tell() > MOST_MEGABYTES * 10**6:
                return f"is larger than {MOST_MEGABYTES} MB"
    except _Damaged:
        return "cannot be unpacked: the zip is damaged"
    sound.flush()
    return ""


def _blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of an entry; reading errors become _Damaged, to tell them from writing errors."""
    try:
        with archive.open(entry) as packed:
            while block := packed.read(_BLOCK):
                yield block
    except _BROKEN as error:
        raise _Damaged from error
