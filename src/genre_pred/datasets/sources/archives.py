"""Unpacks archives safely: a folder is either complete or absent, and no entry lands outside it.

An archive is unpacked under a hidden name, which becomes the final one after verification.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from filelock import FileLock

from genre_pred.core.errors import UserError
from genre_pred.core.fetch import checksum
from genre_pred.core.files import DiskFull, atomic_write, user_error_if_disk_full
from genre_pred.core.progress import bar

CHECKSUMS = "checksums"
_SPARE_BYTES = 256 << 20  # left free on the disk
_COPY_BYTES = 1 << 20


class ArchiveError(UserError):
    """An archive that is damaged, unsafe or not the expected one."""


def unpack_zip(archive: Path, folder: Path) -> Path:
    """Unpack a zip file, unless the folder exists; continue an interrupted unpacking.

    Args:
        archive: A zip file with one top folder, of the same name as `folder`. If this contains a
            file `checksums` (lines of a sha1 and a path), every file listed there is verified.
        folder: The folder to create; it appears only when it is complete.

    Returns:
        The folder.

    Raises:
        ArchiveError: If an entry would land outside, is a link, a duplicate or damaged, or a file
            does not match `checksums`.
        DiskFull: If the disk has too little space.
    """
    with _unpacking(folder) as part:
        if part is None:
            return folder
        with _damage_reported(archive), zipfile.ZipFile(archive) as opened:
            entries = _safe_entries(opened, archive, folder.name)
            missing = {
                name: entry
                for name, entry in entries.items()
                if not _has_size(part / name, entry.file_size)
            }
            require_space(part.parent, sum(entry.file_size for entry in missing.values()))
            for name, entry in bar(missing.items(), doing=f"unpacking {archive.name}", unit="file"):
                # atomic_write, because a file of the right size counts as complete
                with (
                    atomic_write(part / name) as temporary,
                    opened.open(entry) as packed,
                    temporary.open("wb") as file,
                ):
                    shutil.copyfileobj(packed, file, _COPY_BYTES)
        _compare_with_checksums(part, entries, archive)
        for path in part.rglob("*"):  # temporary files of a killed run
            if path.is_file() and path.relative_to(part).as_posix() not in entries:
                path.unlink()
        part.replace(folder)
    return folder


def unpack_tar(archive: Path, folder: Path) -> Path:
    """Unpack a tar file, compressed or not, unless the folder exists.

    Args:
        archive: The tar file.
        folder: The folder to create; it appears only when it is complete.

    Returns:
        The folder.

    Raises:
        ArchiveError: If an entry would land outside or is not a plain file or folder, or the
            archive is damaged.
        DiskFull: If the disk has too little space.
    """
    with _unpacking(folder) as part:
        if part is None:
            return folder
        shutil.rmtree(part)  # a tar file can only be read from its start
        part.mkdir()
        size = archive.stat().st_size
        require_space(part.parent, size)
        progress = bar(doing=f"unpacking {archive.name}", unit="B", total=size, unit_scale=True)
        with (
            _damage_reported(archive),
            progress,
            archive.open("rb") as file,
            tarfile.open(fileobj=file, mode="r:*") as opened,
        ):
            for entry in opened:
                target = part / entry.name
                inside = target.resolve().is_relative_to(part.resolve())
                if not inside or not (entry.isfile() or entry.isdir()):
                    raise ArchiveError(
                        f"{archive} is unsafe: {entry.name} is not a plain file inside it"
                    )
                # The first releases of Python 3.11 lack tarfile's own filter for safe extraction.
                content = opened.extractfile(entry)
                if content is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with user_error_if_disk_full(part, entry.name), target.open("wb") as output:
                        shutil.copyfileobj(content, output)
                progress.update(min(file.tell(), size) - progress.n)
        part.replace(folder)
    return folder


def require_space(folder: Path, n_bytes: int) -> None:
    """Check that a disk has enough space.

    Args:
        folder: A folder on that disk; it or one of its parents exists.
        n_bytes: The space needed, in bytes.

    Raises:
        DiskFull: If the disk has less than that and a reserve.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < n_bytes + _SPARE_BYTES:
        raise DiskFull(
            f"{n_bytes / 1e9:.1f} GB are needed, but {folder} has {free / 1e9:.1f} GB free: make "
            "room, or set GENRE_PRED_CACHE to a folder on another disk"
        )


@contextmanager
def _unpacking(folder: Path) -> Iterator[Path | None]:
    """The hidden folder to unpack into; None if `folder` exists. One process at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if folder.is_dir():
            yield None
            return
        part = folder.with_name(f".{folder.name}.part")
        part.mkdir(exist_ok=True)
        yield part


@contextmanager
def _damage_reported(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{archive} is damaged ({error}): remove it and run again") from error
    except OSError as error:
        if error.errno is not None:
            raise
        # bz2 and gzip raise such an OSError for damaged data
        raise ArchiveError(f"{archive} is damaged ({error}): remove it and run again") from error


def _safe_entries(opened: zipfile.ZipFile, archive: Path, top: str) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their path within its top folder."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in opened.infolist():
        path = PurePosixPath(entry.filename)
        if ".." in path.parts or path.is_absolute() or {":", "\\"} & set(entry.orig_filename):
            raise ArchiveError(
                f"{archive} is unsafe: {entry.filename} would land outside its folder"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ArchiveError(f"{archive} is unsafe: {entry.filename} is a link")
        if path.parts[:1] != (top,):
            raise ArchiveError(
                f"{archive} is not the expected archive: {entry.filename} is not in {top}/"
            )
        name = "/".join(path.parts[1:])
        if name in entries:
            raise ArchiveError(f"{archive} is unsafe: it has {entry.filename} twice")
        if not entry.is_dir():
            entries[name] = entry
    if not entries:
        raise ArchiveError(f"{archive} is empty")
    return entries


def _has_size(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes


def _compare_with_checksums(folder: Path, entries: Container[str], archive: Path) -> None:
    if not (folder / CHECKSUMS).is_file():
        return  # zipfile has verified the sizes and CRCs
    lines = (folder / CHECKSUMS).read_text().splitlines()
    for line in bar(lines, doing=f"verifying {archive.name}", unit="file", delay=2):
        expected, _, name = line.partition(" ")
        name = name.strip().removeprefix("*")
        if name not in entries:
            raise ArchiveError(f"{archive} lacks {name!r}, which its {CHECKSUMS} lists")
        path = folder / name
        actual = checksum(path, "sha1", progress=False)
        if actual != expected.lower():
            path.unlink()  # so that the next run unpacks it again
            raise ArchiveError(
                f"{name} of {archive} has the sha1 {actual}, but its {CHECKSUMS} lists "
                f"{expected}; the file was removed: run again"
            )
