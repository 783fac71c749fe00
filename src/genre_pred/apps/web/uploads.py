"""Uploaded files: kept while they are predicted, and limited in size."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from genre_pred.apps.http.bounded import Upload, replayed
from genre_pred.apps.web.limits import KEPT_SECONDS, MOST_MESSAGE_MEGABYTES, MOST_UPLOADED_MEGABYTES

FULL = f"the limit of {MOST_UPLOADED_MEGABYTES} MB for all uploads is reached: try again later"
ELSEWHERE = "the request names a file that was not uploaded: upload it first"
LARGE = f"a request without files is too large: at most {MOST_MESSAGE_MEGABYTES} MB"


@contextmanager
def held(files: Sequence[str | Path]) -> Iterator[list[Path]]:
    """Keep uploads while the block runs, even if Gradio deletes them because of their age.

    Yields:
        Hard links to the files, with the same names. A file that no longer exists has none, and
        opening it fails.
    """
    with tempfile.TemporaryDirectory(dir=Path(files[0]).parent) as folder:
        kept = []
        for number, file in enumerate(map(Path, files)):
            link = Path(folder, str(number), file.name)
            link.parent.mkdir()
            with suppress(FileNotFoundError):
                link.hardlink_to(file)
            kept.append(link)
        yield kept


class BoundedUploads:
    """An ASGI application that limits uploads and messages, and refuses files not uploaded to it.

    Args:
        app: Gradio's application.
        folder: Its folder for uploads. Remains of interrupted uploads, which Gradio leaves there,
            are deleted.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app, self._folder, self._arriving = app, folder, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the application if it keeps the limits."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
        # endswith: a proxy may add a prefix. Other routes end in /upload, too.
        elif scope["path"].endswith("/gradio_api/upload"):
            await self._upload(scope, receive, send)
        else:
            await self._message(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        # The length of a chunked body is not reliable.
        if not length.isdecimal() or "transfer-encoding" in headers:
            refusal = PlainTextResponse("an upload needs a Content-Length", status_code=411)
            await refusal(scope, receive, send)
            return
        n_bytes = int(length)
        if _bytes_in(self._folder) + self._arriving + n_bytes > MOST_UPLOADED_MEGABYTES * 10**6:
            await PlainTextResponse(FULL, status_code=413)(scope, receive, send)
            return
        self._arriving += n_bytes
        try:
            await self._app(scope, receive, send)
        finally:
            self._arriving -= n_bytes

    async def _message(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a complete body; stop reading one that exceeds the limit."""
        length = Headers(scope=scope).get("content-length", "0")
        upload, body, most = Upload(receive), bytearray(), MOST_MESSAGE_MEGABYTES * 10**6
        try:
            while upload.more and max(int(length), len(body)) <= most:
                body += await upload.chunk()
        except ClientDisconnect:
            return
        if upload.more or len(body) > most:
            await PlainTextResponse(LARGE, status_code=413)(scope, receive, send)
            return
        if not _names_uploads_only(bytes(body), self._folder):
            await PlainTextResponse(ELSEWHERE, status_code=400)(scope, receive, send)
            return
        await self._app(scope, replayed(bytes(body), receive), send)


def _names_uploads_only(body: bytes, folder: Path) -> bool:
    """Whether all files that a message names are in a folder; Gradio would fetch any address."""
    try:
        parts = [json.loads(body)]
    except (ValueError, RecursionError):
        return True  # not JSON: the application reports the error
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            path = part.get("path")
            if isinstance(path, str) and not _is_within(path, folder):
                return False
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return True


def _is_within(path: str, folder: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # not a valid path
        return False


def _bytes_in(folder: Path) -> int:
    sizes = {}  # by inode, because hard links share their size
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = path.stat()
                if Path(where) == folder and time.time() - status.st_mtime > KEPT_SECONDS:
                    path.unlink()  # interrupted: complete uploads are in subfolders
                else:
                    sizes[status.st_ino] = status.st_size
    return sum(sizes.values())
