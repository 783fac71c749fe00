"""What visitors hand in, on disk: held while it is heard, and never more than fits."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from genre_pred.app.limits import KEPT_SECONDS, MOST_UPLOADED_MEGABYTES

FULL = f"the page holds {MOST_UPLOADED_MEGABYTES} MB of uploads and takes no more: come back later"


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


class Bounded:
    """An application that refuses uploads which its folder has no room for.

    Args:
        app: Gradio's.
        folder: Where it puts them. What a broken upload left there, Gradio forgets: it goes here.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app, self._folder, self._arriving = app, folder, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, by the application's own answer where it may come in."""
        path = str(scope.get("path", "")).rstrip("/")
        if scope["type"] != "http" or scope["method"] != "POST" or not path.endswith("/upload"):
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if not told.isdecimal():
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
