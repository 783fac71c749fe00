"""Files that are either whole or absent, and digests of what they hold."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genre_pred.core.errors import UserError


class DiskFull(UserError):
    """There is no room for what was to be written."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; rename it to `path` if the block succeeds.

    Raises:
        DiskFull: As user_error_if_disk_full.
    """
    # Not the name itself: that may be as long as the system allows.
    told = hashlib.md5(os.fsencode(path.name)).hexdigest()[:8]
    temporary = path.with_name(f".{os.getpid()}.{told}{path.suffix[-16:]}")
    with user_error_if_disk_full(path.parent, path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def user_error_if_disk_full(place: Path, what: str) -> Iterator[None]:
    """Turn the operating system's word for a full disk into a sentence.

    Args:
        place: Where is written.
        what: What is written, as "fma_small.zip".

    Raises:
        DiskFull: If the disk, or what this user may take of it, is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"the disk is full while writing {what} into {place}: make room there, or set "
            "GENRE_PRED_CACHE to a folder on another disk if that is the cache, and run again"
        ) from error


def digest(path: Path) -> str:
    """The md5 of a file or folder, as dvc.lock has it.

    Returns:
        The hex digest; of a folder, the digest of DVC's own listing, with `.dir` behind it.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    listing = json.dumps([{"md5": digest(path / name), "relpath": name} for name in names])
    return hashlib.md5(listing.encode()).hexdigest() + ".dir"
