"""What visitors hand in, on disk: held while it is heard, and never more than fits."""

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

FULL = f"the page holds {MOST_UPLOADED_MEGABYTES} MB of uploads and takes no more: come back later"
ELSEWHERE = "a message names a file that was not uploaded: only those that were are heard"
LARGE = f"a request without files is too large: at most {MOST_MESSAGE_MEGABYTES} MB"


@contextmanager
def held(files: Sequence[str | Path]) -> Iterator[list[Path]]:
    """Keep uploads as long as the block lasts, though Gradio may delete them by their age.

    Yields:
        Further links to the files, under their names. One that has gone already is left as it is:
        who opens it finds out.
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
    """An application that refuses uploads without room, large messages, and files from elsewhere.

    Args:
        app: Gradio's.
        folder: Where it puts them. What a broken upload left there, Gradio forgets: it goes here.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app, self._folder, self._arriving = app, folder, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, by the application's own answer where it may come in."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
        # With what is before it behind a proxy; other addresses too may end in upload.
        elif scope["path"].endswith("/gradio_api/upload"):
            await self._upload(scope, receive, send)
        else:
            await self._message(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        told = headers.get("content-length", "")
        # Of a body in chunks a length beside them tells nothing.
        if not told.isdecimal() or "transfer-encoding" in headers:
            refusal = PlainTextResponse("an upload must tell its length", status_code=411)
            await refusal(scope, receive, send)
            return
        n_bytes = int(told)
        if _bytes_in(self._folder) + self._arriving + n_bytes > MOST_UPLOADED_MEGABYTES * 10**6:
            await PlainTextResponse(FULL, status_code=413)(scope, receive, send)
            return
        self._arriving += n_bytes
        try:
            await self._app(scope, receive, send)
        finally:
            self._arriving -= n_bytes

    async def _message(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a body on that has come whole; of a larger one no more is read than may be held."""
        told = Headers(scope=scope).get("content-length", "0")
        upload, body, most = Upload(receive), bytearray(), MOST_MESSAGE_MEGABYTES * 10**6
        try:
            while upload.more and max(int(told), len(body)) <= most:
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
    """Whether all files that a message names lie in a folder: Gradio would fetch any address."""
    try:
        parts = [json.loads(body)]
    except (ValueError, RecursionError):
        return True  # it names none: the application says what it lacks
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
    except (OSError, RuntimeError, ValueError):  # a name that no file can have
        return False


def _bytes_in(folder: Path) -> int:
    sizes = {}  # by file, however many names it has
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            with suppress(FileNotFoundError):  # deleted meanwhile
                found = path.stat()
                if Path(where) == folder and time.time() - found.st_mtime > KEPT_SECONDS:
                    path.unlink()  # whole uploads lie in folders of their own
                else:
                    sizes[found.st_ino] = found.st_size
    return sum(sizes.values())
