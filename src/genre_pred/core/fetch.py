"""Downloads that resume, and are accepted only when their length and hash are right."""

import hashlib
import shutil
import time
from pathlib import Path

import requests
from filelock import FileLock

from genre_pred.core.errors import UserError
from genre_pred.core.files import user_error_if_disk_full
from genre_pred.core.progress import bar

N_TRIES = 5
_CHUNK_BYTES = 1 << 16  # a cut connection loses the current chunk
_SPARE_BYTES = 256 << 20  # left free on the disk


class FetchError(UserError):
    """A download that failed; the message names the URL and the cause."""


class _TryAgain(Exception):
    """A cut connection or a busy server: worth another try."""


def fetch(
    url: str,
    target: Path,
    *,
    md5: str | None = None,
    sha1: str | None = None,
    sha256: str | None = None,
    n_bytes: int | None = None,
    progress: bool = True,
    timeout: float = 30,
) -> Path:
    """Download a file, unless it exists and is the expected one.

    A download continues where the connection was cut. If a hash is given to verify the whole, it
    also continues the partial file of an earlier call.

    Args:
        url: Address of the file.
        target: Path to write; its folder is created.
        md5: Expected hexadecimal digest, or the start of it.
        sha1: Likewise.
        sha256: Likewise.
        n_bytes: Expected length.
        progress: Whether to show a progress bar.
        timeout: Seconds without data after which the connection counts as cut.

    Returns:
        The target, which has the expected length and hashes.

    Raises:
        FetchError: If the server refuses, 5 tries in a row receive no data, the disk has too
            little space, or the file is not the expected one.
        DiskFull: If the disk becomes full during the download; the partial file is kept.
    """
    hashes = {
        name: value
        for name, value in {"md5": md5, "sha1": sha1, "sha256": sha256}.items()
        if value is not None
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with FileLock(target.with_name(f"{target.name}.lock")):
        if target.exists() and not _mismatch(target, hashes, n_bytes, progress):
            return target
        if not hashes:
            # The file at the URL may have changed since, and no hash would reveal the mixture.
            part.unlink(missing_ok=True)
        _download(url, part, n_bytes, progress, timeout)
        if mismatch := _mismatch(part, hashes, n_bytes, progress):
            part.unlink()
            raise FetchError(f"{url}: {mismatch}; the download was removed")
        part.replace(target)
    return target


def _download(url: str, part: Path, n_bytes: int | None, progress: bool, timeout: float) -> None:
    attempt, longest = 0, 0
    while True:
        try:
            _append(url, part, n_bytes, progress, timeout)
            return
        except _TryAgain as error:
            kept = part.stat().st_size if part.exists() else 0
            # Only tries without progress count: 100 GB may well be cut more often.
            attempt = 1 if kept > longest else attempt + 1
            longest = max(longest, kept)
            if attempt >= N_TRIES:
                where = f"; the first {kept} bytes are kept in {part}" if kept else ""
                raise FetchError(f"{url}: {error} ({N_TRIES} tries){where}") from error
            time.sleep(_pause_seconds(attempt))


def _pause_seconds(attempt: int) -> float:
    return 0.5 * 2.0 ** (attempt - 1)  # 0.5, 1, 2, 4


def _append(url: str, part: Path, n_bytes: int | None, progress: bool, timeout: float) -> None:
    """Append the missing rest of a file, in one request."""
    kept = part.stat().st_size if part.exists() else 0
    if n_bytes is not None and kept == n_bytes:
        return
    # identity: lengths and ranges of a compressed response would not be those of the file
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={kept}-"} if kept else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == 416 and kept:
                total = response.headers.get("Content-Range", "").rpartition("/")[2]
                if total == str(kept):
                    return  # complete, but not yet renamed
                part.unlink()
                raise _TryAgain("the server has no such range")
            if response.status_code >= 500 or response.status_code == 429:
                raise _TryAgain(f"the server answers {response.status_code}")
            if not response.ok:
                raise FetchError(f"{url}: the server answers {response.status_code}")
            if response.status_code != 206:
                kept = 0  # the server ignores the range and sends the whole file
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {kept}-"):
                part.unlink(missing_ok=True)
                raise _TryAgain("the server sends another range than requested")
            length = response.headers.get("Content-Length")
            total_bytes = kept + int(length) if length else n_bytes
            if n_bytes not in (None, total_bytes):
                raise FetchError(f"{url}: the server has {total_bytes} bytes instead of {n_bytes}")
            _require_space(part, (total_bytes or 0) - kept, url)
            _save(response, part, kept, total_bytes, progress)
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise FetchError(f"{url} is not a valid URL") from error
    except requests.RequestException as error:
        raise _TryAgain(f"the connection failed or was cut ({type(error).__name__})") from error
    received = part.stat().st_size
    if total_bytes is not None and received < total_bytes:
        raise _TryAgain(f"the connection was cut at {received} of {total_bytes} bytes")


def _save(
    response: requests.Response, part: Path, kept: int, total: int | None, progress: bool
) -> None:
    progress_bar = bar(
        doing=part.stem, unit="B", total=total, initial=kept, unit_scale=True, disable=not progress
    )
    disk_full = user_error_if_disk_full(part.parent, part.stem)
    with disk_full, progress_bar, part.open("ab" if kept else "wb") as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            file.write(chunk)
            progress_bar.update(len(chunk))


def _require_space(part: Path, n_bytes: int, url: str) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < n_bytes + _SPARE_BYTES:
        raise FetchError(
            f"{url}: {n_bytes / 1e9:.1f} GB are needed, but {part.parent} has {free / 1e9:.1f} GB "
            "free: make room"
        )


def checksum(path: Path, kind: str, progress: bool = True) -> str:
    """The hex digest of a file.

    Args:
        path: The file.
        kind: md5, sha1 or sha256.
        progress: Whether to show a progress bar after 2 seconds.
    """
    hasher = hashlib.new(kind)
    progress_bar = bar(
        doing=f"{kind} of {path.name}",
        unit="B",
        total=path.stat().st_size,
        unit_scale=True,
        delay=2,  # seconds
        disable=not progress,
    )
    with progress_bar, path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
            progress_bar.update(len(chunk))
    return hasher.hexdigest()


def _mismatch(
    path: Path, hashes: dict[str, str], n_bytes: int | None, progress: bool
) -> str | None:
    """Describe how a file differs from the expected one; None if it does not."""
    size = path.stat().st_size
    if n_bytes is not None and size != n_bytes:
        return f"it has {size} bytes instead of {n_bytes}"
    for kind, expected in hashes.items():
        actual = checksum(path, kind, progress)
        if not actual.startswith(expected.lower()):
            return f"its {kind} is {actual} instead of {expected}"
    return None
