"""Downloads that resume, and are never taken for right before their length and hash are."""

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
_CHUNK_BYTES = 1 << 16  # a cut connection loses the chunk it was in
_SPARE_BYTES = 256 << 20  # left free on the disk


class FetchError(UserError):
    """A download that did not succeed; the message names the address and what is wrong."""


class _TryAgain(Exception):
    """A cut connection or a busy server."""


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
    """Download a file, unless it is there.

    A connection that is cut is taken up again where it broke, and so is what an earlier call left
    unfinished, if there is a hash to tell that the pieces fit.

    Args:
        url: Its address.
        target: Where it goes; its folder is made.
        md5: Of the file, hexadecimal, or the start of it.
        sha1: Likewise.
        sha256: Likewise.
        n_bytes: The file's length.
        progress: Whether to show a bar with the time left.
        timeout: Seconds of silence after which the connection counts as cut.

    Returns:
        The target, which has the length and the hashes given.

    Raises:
        FetchError: If the server refuses, 5 tries bring nothing more, the disk is too
            full, or what arrived is not what was expected.
        DiskFull: If somebody else fills the disk meanwhile; what came is kept.
    """
    hashes = {
        name: value
        for name, value in {"md5": md5, "sha1": sha1, "sha256": sha256}.items()
        if value is not None
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with FileLock(target.with_name(f"{target.name}.lock")):
        if target.exists() and not _fault(target, hashes, n_bytes, progress):
            return target
        if not hashes:
            # The file may have changed at its address since, and nothing would tell the mixture.
            part.unlink(missing_ok=True)
        _download(url, part, n_bytes, progress, timeout)
        if fault := _fault(part, hashes, n_bytes, progress):
            part.unlink()
            raise FetchError(f"{url}: {fault}; what arrived was removed")
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
            # Only tries in vain count: a hundred gigabytes may well be cut more often.
            attempt = 1 if kept > longest else attempt + 1
            longest = max(longest, kept)
            if attempt >= N_TRIES:
                where = f"; {kept} bytes of it are kept in {part}" if kept else ""
                raise FetchError(f"{url}: {error} ({N_TRIES} tries){where}") from error
            time.sleep(_pause_seconds(attempt))


def _pause_seconds(attempt: int) -> float:
    return 0.5 * 2.0 ** (attempt - 1)  # 0.5, 1, 2, 4


def _append(url: str, part: Path, n_bytes: int | None, progress: bool, timeout: float) -> None:
    """Fetch what is missing of a file in one request."""
    kept = part.stat().st_size if part.exists() else 0
    if n_bytes is not None and kept == n_bytes:
        return
    # identity: a server that compresses would give lengths and ranges of something else
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={kept}-"} if kept else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == 416 and kept:
                total = response.headers.get("Content-Range", "").rpartition("/")[2]
                if total == str(kept):
                    return  # it was complete, only not yet renamed
                part.unlink()
                raise _TryAgain("the server has no such range")
            if response.status_code >= 500 or response.status_code == 429:
                raise _TryAgain(f"the server answers {response.status_code}")
            if not response.ok:
                raise FetchError(f"{url}: the server answers {response.status_code}")
            if response.status_code != 206:
                kept = 0  # it sends the whole file, asked or not
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {kept}-"):
                part.unlink(missing_ok=True)
                raise _TryAgain("the server sends another range than the one asked for")
            length = response.headers.get("Content-Length")
            total_bytes = kept + int(length) if length else n_bytes
            if n_bytes not in (None, total_bytes):
                raise FetchError(f"{url}: the server has {total_bytes} bytes instead of {n_bytes}")
            _require_space(part, (total_bytes or 0) - kept, url)
            _save(response, part, kept, total_bytes, progress)
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise FetchError(f"{url} is not an address") from error
    except requests.RequestException as error:
        raise _TryAgain(f"the connection was cut or never made ({type(error).__name__})") from error
    arrived = part.stat().st_size
    if total_bytes is not None and arrived < total_bytes:
        raise _TryAgain(f"the connection was cut at {arrived} of {total_bytes} bytes")


def _save(
    response: requests.Response, part: Path, kept: int, total: int | None, progress: bool
) -> None:
    shown = bar(
        doing=part.stem, unit="B", total=total, initial=kept, unit_scale=True, disable=not progress
    )
    full = user_error_if_disk_full(part.parent, part.stem)
    with full, shown, part.open("ab" if kept else "wb") as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            file.write(chunk)
            shown.update(len(chunk))


def _require_space(part: Path, n_bytes: int, url: str) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < n_bytes + _SPARE_BYTES:
        raise FetchError(
            f"{url}: {n_bytes / 1e9:.1f} GB are to come, but {part.parent} has {free / 1e9:.1f} GB "
            "free"
        )


def checksum(path: Path, kind: str, progress: bool = True) -> str:
    """The hex digest of a file.

    Args:
        path: The file.
        kind: md5, sha1 or sha256.
        progress: Whether to show a bar, if it takes long.
    """
    found = hashlib.new(kind)
    shown = bar(
        doing=f"{kind} of {path.name}",
        unit="B",
        total=path.stat().st_size,
        unit_scale=True,
        delay=2,  # seconds
        disable=not progress,
    )
    with shown, path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
            shown.update(len(chunk))
    return found.hexdigest()


def _fault(path: Path, hashes: dict[str, str], n_bytes: int | None, progress: bool) -> str | None:
    """Say in words how a file differs from what was expected, or None."""
    size = path.stat().st_size
    if n_bytes is not None and size != n_bytes:
        return f"it has {size} bytes instead of {n_bytes}"
    for kind, expected in hashes.items():
        found = checksum(path, kind, progress)
        if not found.startswith(expected.lower()):
            return f"its {kind} is {found} instead of {expected}"
    return None
