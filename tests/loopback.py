"""A server on this machine that misbehaves on request; what tests of downloads talk to."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CUT = 1 << 20  # bytes after which a connection is cut


class Request(BaseHTTPRequestHandler):
    """A request for a file; the answers below read what the file holds."""

    body = b""


Answer = Callable[[Request, int | None], None]


def send(
    handler: Request,
    status: int,
    body: bytes = b"",
    promised: int | None = None,
    content_range: str | None = None,
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if promised is None else promised))
    if content_range:
        handler.send_header("Content-Range", content_range)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def honest(handler: Request, start: int | None) -> None:
    if start is None:
        send(handler, 200, handler.body)
    elif start >= len(handler.body):
        send(handler, 416, content_range=f"bytes */{len(handler.body)}")
    else:
        span = f"bytes {start}-{len(handler.body) - 1}/{len(handler.body)}"
        send(handler, 206, handler.body[start:], content_range=span)


def cutting(handler: Request, start: int | None) -> None:
    """Promise all the rest, send a part of it, hang up."""
    first = start or 0
    rest = handler.body[first:]
    span = f"bytes {first}-{len(handler.body) - 1}/{len(handler.body)}" if start else None
    send(handler, 206 if start else 200, rest[:CUT], len(rest), span)


def cutting_without_ranges(handler: Request, start: int | None) -> None:
    send(handler, 200, handler.body[:CUT], len(handler.body))


def without_ranges(handler: Request, start: int | None) -> None:
    send(handler, 200, handler.body)


def shifted(handler: Request, start: int | None) -> None:
    if start is None:
        send(handler, 200, handler.body)
    else:
        span = f"bytes {start - 5}-{len(handler.body) - 1}/{len(handler.body)}"
        send(handler, 206, handler.body[start - 5 :], content_range=span)


def lying(handler: Request, start: int | None) -> None:
    send(handler, 200, handler.body[:-1] + bytes([handler.body[-1] ^ 1]))


def shorter(handler: Request, start: int | None) -> None:
    send(handler, 200, handler.body[:-7])


def no_range(handler: Request, start: int | None) -> None:
    send(handler, 416) if start else send(handler, 200, handler.body)


def failing(status: int) -> Answer:
    return lambda handler, start: send(handler, status, b"sorry")


def crawling(handler: Request, start: int | None) -> None:
    """Hang up after an eighth of a file."""
    first = start or 0
    span = f"bytes {first}-{len(handler.body) - 1}/{len(handler.body)}" if start else None
    rest = handler.body[first:]
    send(handler, 206 if start else 200, rest[: CUT * 3 // 8], len(rest), span)


class Server:
    """Answers each request with the next of its answers, the last one for ever.

    Attributes:
        files: What it has, by name.
        answers: How it gives it.
        starts: Of the ranges asked for.
        asked: The names asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: list[Answer] = [honest]
        self.starts: list[int | None] = []
        self.asked: list[str] = []
        outer = self

        class Handler(Request):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/")
                asked = self.headers.get("Range")
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else None
                outer.asked.append(name)
                outer.starts.append(start)
                answers = outer.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if name not in outer.files:
                    answer = failing(404)
                self.body = outer.files.get(name, b"")
                with contextlib.suppress(ConnectionError):  # the client may hang up
                    answer(self, start)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server for the time of the block."""
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
