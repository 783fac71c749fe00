"""Files that are either whole or absent, and digests of files."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genre_pred.core.errors import UserError


class DiskFull(UserError):
    """The disk is full, or will not hold what is to be written."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the same folder; rename it to `path` if the block succeeds.

    Raises:
        DiskFull: As user_error_if_disk_full.
    """
    # A hash, because the name itself may already be as long as the system allows.
    name_hash = hashlib.md5(os.fsencode(path.name)).hexdigest()[:8]
    temporary = path.with_name(f".{os.getpid()}.{name_hash}{path.suffix[-16:]}")
    with user_error_if_disk_full(path.parent, path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def user_error_if_disk_full(place: Path, what: str) -> Iterator[None]:
    """Turn the operating system's error for a full disk into a DiskFull.

    Args:
        place: The folder that is written to.
        what: The name of the file, such as "fma_small.zip".

    Raises:
        DiskFull: If the disk, or this user's quota, is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"the disk is full while writing {what} into {place}: make room there and run again "
            "(if this is the cache, you can set GENRE_PRED_CACHE to a folder on another disk)"
        ) from error


def digest(path: Path) -> str:
    """The md5 of a file or folder, as in dvc.lock.

    Returns:
        The hex digest; for a folder, the digest of DVC's listing of it, with the suffix `.dir`.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    listing = json.dumps([{"md5": digest(path / name), "relpath": name} for name in names])
    return hashlib.md5(listing.encode()).hexdigest() + ".dir"
